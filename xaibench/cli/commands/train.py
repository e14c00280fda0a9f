"""`xaibench train`: a network trained, cross-validated, and ready to be benchmarked."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.names import completing, split
from xaibench.engine.discovery.registry import installed

if TYPE_CHECKING:
    import torch

    from xaibench.train.checkpoint import Facts
    from xaibench.train.folds import Validation
    from xaibench.train.recipe import Recipe
    from xaibench.train.samples import Samples, Source

EXAMPLES = """Train a network on a data set, and leave it where `xaibench run` can benchmark it.

The same command again goes on where it was stopped, and gives the numbers of an unbroken training. A \
data set that is drawn by a seed is drawn by another than a run's, so that a run evaluates unseen images.

Examples:

  xaibench train small-resnet:cbam --data scenes-large --limit 8000 --augment mirror,recolour

  xaibench train simple-cnn --data cifar10:PATH --size 32 --epochs 10

  xaibench train small-resnet --data scenes-large --limit 4000 --folds 5 --explainers grad-cam,layer-cam
"""
EXPLAINERS, METRICS = ("grad-cam",), ("insertion-28", "deletion-28", "pointing-game")


def train(
    architecture: Annotated[
        str,
        typer.Argument(
            help="As in `xaibench list architectures`.", autocompletion=completing("architectures")
        ),
    ],
    data: Annotated[
        str, typer.Option(help="A data set, NAME or NAME:PATH.", autocompletion=completing("datasets"))
    ] = "scenes",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of the data set; repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="How many examples, or how many to draw.")] = None,
    size: Annotated[int, typer.Option(help="Side of the images, in pixels.")] = 64,
    epochs: Annotated[int, typer.Option(help="Most passes over the training images.")] = 10,
    batch: Annotated[int, typer.Option(help="Images a step.")] = 64,
    rate: Annotated[
        float | None, typer.Option(help="Largest learning rate; the architecture's if not given.")
    ] = None,
    patience: Annotated[int, typer.Option(help="Epochs without a better held-out accuracy.")] = 5,
    augment: Annotated[
        list[str] | None,
        typer.Option(help="Changes at random as they are trained on: mirror, recolour."),
    ] = None,
    held_out: Annotated[float, typer.Option(help="Share of the images not trained on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the first weights and the order of the images.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...; found if not given.")] = "auto",
    output: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoint; results/train-... if not given.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validate: train on all folds but one, in turn.")
    ] = None,
    explainers: Annotated[
        list[str] | None,
        typer.Option(
            help="With --folds: explainers; grad-cam if not given.",
            autocompletion=completing("explainers"),
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="With --folds: metrics that score them.", autocompletion=completing("metrics")
        ),
    ] = None,
    explained: Annotated[int, typer.Option(help="With --folds: images explained in each fold.")] = 40,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print what came of it only.")] = False,
) -> None:
    """Train a network on a data set, and leave it where `xaibench run` can benchmark it."""
    from xaibench.cli.display.training import TrainingProgress
    from xaibench.engine.device.devices import device_of  # opens torch
    from xaibench.train.recipe import Recipe
    from xaibench.train.samples import samples_of, source_of
    from xaibench.train.train_and_test import train_and_test

    registry = installed()
    recipe = Recipe(
        architecture=architecture,
        data=data,
        settings=dict(map(name_and_value, setting or ())),
        limit=limit,
        size=size,
        epochs=epochs,
        batch=batch,
        rate=rate or registry.architecture(architecture).rate,
        patience=patience,
        augment=split(augment),
        held_out=held_out,
        seed=seed,
    )
    folder = output or Path("results") / name_of(recipe, folds)
    console = Console()
    place, source = device_of(device), source_of(recipe, registry)
    try:
        with TrainingProgress(Console(stderr=True), quiet) as progress:
            samples = samples_of(source.examples, size, progress)
            if folds is None:
                facts = train_and_test(recipe, folder, source, samples, progress, place, overwrite)
        if folds is None:
            print_training(facts, folder, source, console)
        else:
            wanted = split(explainers) or EXPLAINERS, split(metrics) or METRICS
            print_folds(
                validate(
                    recipe, folder, source, samples, folds, wanted, explained, place, overwrite, quiet
                ),
                folder,
                console,
            )
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; {folder} has what is finished; the same command goes on", err=True)
        raise typer.Exit(130) from None


train.__doc__ = EXAMPLES


def validate(
    recipe: "Recipe",
    folder: Path,
    source: "Source",
    samples: "Samples",
    folds: int,
    wanted: tuple[Sequence[str], Sequence[str]],
    explained: int,
    device: "torch.device",
    overwrite: bool,
    quiet: bool,
) -> "Validation":
    """Carry out a cross-validation, and show its trainings and then its run."""
    from xaibench.cli.display.training import ExplainingProgress, TrainingProgress
    from xaibench.train.folds import cross_validate

    with TrainingProgress(Console(stderr=True), quiet) as progress:
        return cross_validate(
            recipe,
            folder,
            source,
            samples,
            folds,
            installed(),
            *wanted,
            explained,
            progress,
            ExplainingProgress(progress),
            device,
            overwrite,
        )


def name_and_value(text: str) -> tuple[str, str | int | float | bool]:
    """Split "NAME=VALUE"; the value becomes a number or a boolean where it reads like one."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set {text!r}; expected NAME=VALUE")
    if value.lower() in ("true", "false"):
        return name, value.lower() == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def name_of(recipe: "Recipe", folds: int | None) -> str:
    """Return a name that depends on the settings alone, so that the same command resumes."""
    digest = sha256(repr((sorted(recipe.facts().items()), folds)).encode()).hexdigest()[:8]
    kind = "train" if folds is None else "folds"
    return f"{kind}-{recipe.architecture.replace(':', '-')}-{digest}"


def print_training(facts: "Facts", folder: Path, source: "Source", console: Console) -> None:
    """Print the result of a training and the command to type next."""
    trained, held = facts.images
    stopped = "" if len(facts.history) == facts.recipe.epochs else " (stopped early)"
    console.print(
        f"{facts.recipe.architecture}: accuracy {facts.accuracy:.4f} on {held} held-out images, "
        f"epoch {facts.best} of {len(facts.history)}{stopped}, {trained} trained on",
        highlight=False,
    )
    for name, (share, count) in facts.tested.items():
        console.print(
            f"accuracy {share:.4f} on the {count} images of {name} that a run evaluates, all unseen",
            highlight=False,
        )
    if source.unseen is None:
        console.print(
            "[yellow]note[/] a run on the same examples would evaluate images that were trained on; "
            "give it others, or use --folds",
            highlight=False,
        )
    next_line = f"xaibench run --models checkpoint:{folder} --data {facts.recipe.data}"
    console.print(f"next: {escape(next_line)}", highlight=False, soft_wrap=True)


def print_folds(validation: "Validation", folder: Path, console: Console) -> None:
    """Print a table: a row for the accuracy and each explainer and metric, a column for each fold."""
    table = Table(title="folds", title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    table.padding = 0
    table.add_column("", no_wrap=True)
    for column in validation.table.columns:
        table.add_column(column.replace("sd of images", "sd of\nimages"), justify="right")
    for (explainer, metric), row in zip(
        validation.table.index, validation.table.to_numpy(), strict=True
    ):
        table.add_row(escape(f"{explainer} {metric}".strip()), *(f"{value:.3f}" for value in row))
    table.caption = (
        "sd: over the folds; sd of images: what the choice of the images alone would give; what is "
        "above it comes from the training"
    )
    table.caption_justify = "left"
    console.print(table)
    validation.table.to_csv(folder / "folds.csv")
    console.print(f"[dim]{escape(str(folder / 'folds.csv'))}[/]", highlight=False)
