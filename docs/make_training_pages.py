"""Write the numbers, tables and the figure of docs/training.md and docs/attention-study.md.

    PYTHONPATH=benchmarks python docs/make_training_pages.py --study results/study-attention
        --trainings results/simple-cnn results/study-attention/plain-0 ... --folds results/folds

What stands between `<!-- NAME -->` and `<!-- end -->` in the two pages, and of accuracies in README, is
written here, from what `xaibench train` and `xaibench study attention` left in those folders, and
nothing of it by hand.
"""

import argparse
import statistics
from pathlib import Path

import msgspec
import pandas as pd
from marked_blocks import put
from PIL import Image

from xaibench.train.checkpoint import read_facts
from xaibench.train.recipe import Recipe

HERE = Path(__file__).parent
TRAINING, STUDY = HERE / "training.md", HERE / "attention-study.md"
README = HERE.parent / "README.md"
WIDTH, QUALITY = 1000, 82  # of the figure's small copy
SHOWN = "Scenes under Grad-CAM without and with CBAM, CBAM's own attention, and a transformer's"
PLAIN = Recipe(architecture="", data="scenes")  # what the command line takes where nothing is said


def main() -> None:
    """Write whichever parts were given."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--study", type=Path)
    arguments.add_argument("--trainings", type=Path, nargs="*", default=[])
    arguments.add_argument("--folds", type=Path)
    given = arguments.parse_args()
    if given.trainings:
        put(TRAINING, "trainings", trainings(given.trainings))
        put(TRAINING, "epochs", epochs(given.trainings[0]))
    if given.folds:
        put(TRAINING, "folds", folds(given.folds))
    if given.study:
        for name in ("differences", "trainings", "means", "cost"):
            file = next(given.study.glob(f"{name}.[mt]*"))
            put(STUDY, name, file.read_text(encoding="utf-8").strip())
        with Image.open(given.study / "figure.png") as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDTH, WIDTH * picture.height))
            small.save(HERE / "attention-study.jpg", quality=QUALITY)
        put(STUDY, "figure", f"![{SHOWN}](attention-study.jpg)")
    if given.trainings and given.study:
        put(README, "accuracies", accuracies(given.trainings[0], given.study))


def command(recipe: Recipe) -> str:
    """Return the command line of a recipe: the options that differ from their defaults."""
    line = f"xaibench train {recipe.architecture}"
    for name, value in msgspec.structs.asdict(recipe).items():
        if name in ("architecture", "settings") or value == getattr(PLAIN, name):
            continue
        shown = ",".join(value) if isinstance(value, tuple) else value
        line += f" --{name.replace('_', '-')} {shown}"
    return line


def trainings(folders: list[Path]) -> str:
    """Return a table with a row for each training."""
    lines = [
        "| command | trained on | accuracy held out | accuracy on unseen scenes | best epoch "
        "| seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for folder in folders:
        facts = read_facts(folder)
        tested = [f"{share:.4f} of {count}" for share, count in facts.tested.values()]
        spent = sum(epoch.seconds for epoch in facts.history)
        lines.append(
            f"| `{command(facts.recipe)}` | {facts.images[0]} "
            f"| {facts.accuracy:.4f} of {facts.images[1]} | {' '.join(tested) or '-'} "
            f"| {facts.best} of {len(facts.history)} | {spent:.0f} |"
        )
    return "\n".join(lines)


def accuracies(simple: Path, study: Path) -> str:
    """Return README's sentence on the networks trained here."""
    alone = read_facts(simple)

    def unseen(arm: str) -> str:
        shares = [share for at in study.glob(f"{arm}-*") for share, _ in read_facts(at).tested.values()]
        return percent(statistics.mean(shares))

    trained = len(list(study.glob("plain-*")))
    return (
        f"SimpleCNN ({percent(alone.accuracy)} of {alone.images[1]} held-out handwritten digits), a "
        f"small residual network ({unseen('plain')} of unseen scenes, mean of {trained} trainings), "
        f"the same with CBAM ({unseen('cbam')}), a small transformer ({unseen('vit')})"
    )


def percent(share: float) -> str:
    """Return a share in per cent, with one decimal."""
    return f"{100 * share:.1f} %"


def epochs(folder: Path) -> str:
    """Return a table of one training, epoch by epoch."""
    lines = ["| epoch | loss | accuracy | held out |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {e.number} | {e.loss:.3f} | {e.accuracy:.3f} | {e.held_out_accuracy:.3f} |"
        for e in read_facts(folder).history
    ]
    return "\n".join(lines)


def folds(folder: Path) -> str:
    """Return the table of the cross-validation."""
    table = pd.read_csv(folder / "folds.csv").fillna({"metric": ""})
    columns = [name for name in table.columns if name not in ("explainer", "metric")]
    lines = [f"| | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for row in table.to_dict("records"):
        cells = " | ".join(f"{row[name]:.3f}" for name in columns)
        lines.append(f"| {row['explainer']} {row['metric']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
