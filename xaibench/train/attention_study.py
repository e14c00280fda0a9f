"""Does attention help a network to focus? The same backbone with and without, and a transformer beside.

CBAM: Woo et al. 2018, arXiv:1807.06521, which says that it does.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xaibench.engine.discovery.registry import Registry
from xaibench.engine.tools.panels import panel
from xaibench.report.columns import draw_columns
from xaibench.results.kept import Array
from xaibench.train.checkpoint import checkpoint
from xaibench.train.recipe import Recipe
from xaibench.train.samples import source_of
from xaibench.train.study import ACCURACY, Design, Findings, folder_of

PLAIN, CBAM, VIT = "plain", "cbam", "vit"
BACKBONE = "small-resnet"
DATA = "scenes-large"
LONGER = 1.5  # the ViT, which learns more slowly: so many times the epochs
MAIN = "grad-cam"
EXPLAINERS = (MAIN, "spatial-attention", "raw-attention", "attention-rollout")
ENERGY = "energy-pointing-game"
ON_OBJECT = "pointing-game-on-object"
CURVES = ("insertion-28", "deletion-28")
WRITTEN = {
    MAIN: "Grad-CAM",
    "spatial-attention": "CBAM's own\nspatial attention",
    "raw-attention": "self-attention,\nlast block",
    "attention-rollout": "self-attention,\nrolled out",
}
DRAWN = ((PLAIN, MAIN), (CBAM, MAIN), (CBAM, "spatial-attention"), (VIT, "raw-attention"), (VIT, MAIN))


def design(
    attentions: Sequence[str],
    seeds: int,
    epochs: int,
    count: int,
    images: int,
    registry: Registry,
    size: int = 64,
) -> Design:
    """Return a study of the backbone plain, with CBAM and timm's attention layers, and the small ViT.

    Args:
        attentions: such as "se" and "eca".
        seeds: trainings of each; the ViT, which only stands beside, is trained once.
        epochs: of each; of the ViT half as many again.
        count: scenes to be trained on, the held-out ones among them.
        images: explained; the data set's own first ones, on which nothing was trained.
        registry: the plugins, as `with_measures` leaves them.
        size: side of the images.
    """
    arms = {PLAIN: BACKBONE, CBAM: f"{BACKBONE}:{CBAM}"}
    arms |= {name: f"{BACKBONE}:{name}" for name in attentions}
    arms |= {VIT: "small-vit"}
    longer = {"epochs": round(LONGER * epochs), "patience": round(LONGER * epochs)}
    recipe = Recipe(
        architecture=BACKBONE,
        data=DATA,
        limit=count,
        size=size,
        epochs=epochs,
        patience=epochs,  # all arms are trained alike, to the last epoch
        augment=("mirror", "recolour"),
        held_out=0.1,
    )
    return Design(
        arms=arms,
        baseline=PLAIN,
        recipe=recipe,
        seeds=seeds,
        explainers=EXPLAINERS,
        metrics=(ON_OBJECT, ENERGY, *CURVES),
        main=MAIN,
        images=images,
        once=(VIT,),
        own={
            arm: {"rate": registry.architecture(name).rate, **(longer if arm == VIT else {})}
            for arm, name in arms.items()
        },
    )


def with_measures(registry: Registry) -> Registry:
    """Return the registry with a pointing game for scenes of 64 pixels: the peak on the object itself.

    The usual one's 15 pixels are much of such a scene.
    """
    on_object = replace(registry.metric("pointing-game"), name=ON_OBJECT, settings={"tolerance": 1})
    return replace(registry, metrics=registry.metrics | {ON_OBJECT: on_object})


def draw_study(path: Path, folder: Path, design: Design, registry: Registry, scenes: int = 5) -> None:
    """Write a PNG: a few unseen scenes, Grad-CAM without and with attention, and attention itself.

    Args:
        path: of the PNG.
        folder: of the study.
        design: what was compared; its first trainings are shown.
        registry: the plugins.
        scenes: how many, the first of them.
    """
    source = source_of(design.recipe, registry)
    examples = list(source.unseen or ())[:scenes]
    maps: dict[tuple[str, str], list[Array | None]] = {}
    pictures: list[tuple[str, Array]] = []
    for arm in dict.fromkeys(arm for arm, _ in DRAWN):
        classifier = checkpoint(str(folder / folder_of(arm, 0)))
        specs = [registry.explainer(name) for own, name in DRAWN if own == arm]
        panels = [panel(classifier, example, specs, seed=0) for example in examples]
        for spec in specs:
            maps[arm, spec.name] = [p.maps.get(spec.name) for p in panels]
        pictures = [(e.label, p.colours) for e, p in zip(examples, panels, strict=True)]
    labels = [f"{WRITTEN[name]}\n{arm}" for arm, name in DRAWN]
    rows = [
        (label, colours, [maps[pair][i] for pair in DRAWN])
        for i, (label, colours) in enumerate(pictures)
    ]
    note = "The first scenes that nothing was trained on, the first training of each. Dot: the peak."
    draw_columns(path, labels, rows, "Where networks look, without and with attention", note)


def differences_page(findings: Findings) -> str:
    """Return the differences from the plain backbone as a Markdown table."""
    head = [
        "| measure | plain | with | difference (95 % interval) | |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    lines = []
    for row in findings.differences.to_dict("records"):
        better = "↑" if row["higher_is_better"] else "↓"
        lines.append(
            f"| {row['arm']}: {measure(row)} {better} | {row['of less']:.3f} | "
            f"{row['of arm']:.3f} | "
            f"{row['mean']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}) | {verdict(row)} |"
        )
    return "\n".join(head + lines)


def measure(row: Mapping[Hashable, Any]) -> str:
    """Return the metric and the explainer that a row measures."""
    return str(row["metric"]) if not row["explainer"] else f"{row['metric']} of {row['explainer']}"


def verdict(row: Mapping[Hashable, Any]) -> str:
    """Return the conclusion that the interval allows."""
    low, high = row["low"], row["high"]
    if not (low > 0 or high < 0):
        return "cannot be told apart"
    return "better" if (low > 0) == bool(row["higher_is_better"]) else "worse"


def means_page(findings: Findings) -> str:
    """Return every arm's explainers by every metric as a Markdown table."""
    means = findings.means[findings.means["metric"] != ACCURACY].dropna(subset="mean")
    metrics = list(dict.fromkeys(means["metric"]))
    higher = means.drop_duplicates("metric").set_index("metric")["higher_is_better"]
    named = [f"{metric} {'↑' if higher[metric] else '↓'}" for metric in metrics]
    lines = [f"| arm | explainer | {' | '.join(named)} |", "| --- | --- |" + " ---: |" * len(metrics)]
    for (arm, explainer), group in means.groupby(["arm", "explainer"], sort=False):
        by = group.set_index("metric")
        cells = [
            f"{by.loc[m, 'mean']:.3f} ({by.loc[m, 'low']:.3f} to {by.loc[m, 'high']:.3f})"
            if m in by.index
            else "-"
            for m in metrics
        ]
        lines.append(f"| {arm} | {explainer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def trainings_page(findings: Findings) -> str:
    """Return a Markdown table of each arm's accuracy on the unseen scenes and seconds of training."""
    lines = [
        "| arm | architecture | accuracy, each training | seconds each |",
        "| --- | --- | --- | ---: |",
    ]
    for (arm, architecture), group in findings.trainings.groupby(["arm", "architecture"], sort=False):
        each = ", ".join(f"{value:.3f}" for value in group["tested"])
        lines.append(f"| {arm} | `{architecture}` | {each} | {group['seconds'].mean():.0f} |")
    return "\n".join(lines)
