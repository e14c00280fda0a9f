"""`xaibench figure conceptors` and `xaibench calibrate conceptors`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xaibench.api.specs import Explainer, modified
from xaibench.cli.names import completing, split
from xaibench.engine.discovery.registry import installed

MODIFIER, APERTURE, READ_OUT = "conceptors", "aperture_squared", "sharp"
BASES = ("grad-cam", "grad-cam++", "layer-cam")
SWEEP = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
WRITTEN = {"grad-cam": "Grad-CAM", "grad-cam++": "Grad-CAM++", "layer-cam": "Layer-CAM"}
APERTURES = (1.0, 3.0, 10.0, 30.0, 100.0)
METRICS = ("insertion-28", "deletion-28")


def figure_conceptors(
    images: Annotated[
        list[Path] | None, typer.Argument(help="Pictures; the built-in photographs if not given.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="As in `xaibench list models`.", autocompletion=completing("models"))
    ] = "efficientnet-lite0",
    bases: Annotated[
        list[str] | None,
        typer.Option(
            help="Explainers; Grad-CAM, Grad-CAM++, Layer-CAM if not given.",
            autocompletion=completing("explainers"),
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the two PNGs.")] = Path("figures"),
) -> None:
    """Draw explainers beside themselves under conceptors, and a sweep of the aperture.

    Writes conceptors.png and conceptors-aperture.png. Each map is of the class that the model predicts.

    Example:
      xaibench figure conceptors cat.jpg dog.jpg --model efficientnet-lite0 --output figures
    """
    from xaibench.engine.tools.panels import examples_of, panels  # opens torch
    from xaibench.report.columns import draw_columns

    names = split(bases) or BASES
    compared, swept = side_by_side(names), sweep_of(names[0])
    drawn = panels(model, examples_of(images or [], "photos"), compared | swept)
    for label, reason in {
        label: reason for panel in drawn for label, reason in panel.missing.items()
    }.items():
        typer.echo(f"no map by {plain(label)}: {reason}", err=True)
    note = "; ".join(dict.fromkeys(spec.note for spec in compared.values() if spec.note))
    legend = f"Dot: the map's peak. Maps are of the class that {model} predicts. Conceptors: {note}."
    titles = {
        "conceptors.png": (compared, "Explainers, and the same under conceptors"),
        "conceptors-aperture.png": (swept, f"{called(names[0])} + Conceptors as the aperture a grows"),
    }
    for file, (columns, title) in titles.items():
        rows = [
            (
                f"{panel.target}\n{panel.probability:.0%}",
                panel.colours,
                [panel.maps.get(label) for label in columns],
            )
            for panel in drawn
        ]
        draw_columns(output / file, list(columns), rows, title, legend)
        typer.echo(f"{title}: {output / file}")
    typer.echo(f"conceptors: {note}")


def calibrate_conceptors(
    model: Annotated[
        str, typer.Option(help="As in `xaibench list models`.", autocompletion=completing("models"))
    ] = "efficientnet-lite0",
    data: Annotated[
        str,
        typer.Option(help="A data set that draws its images.", autocompletion=completing("datasets")),
    ] = "cutouts",
    explainers: Annotated[
        list[str] | None,
        typer.Option(
            help="What they regulate; grad-cam if not given.", autocompletion=completing("explainers")
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="The criterion; insertion-28 and deletion-28 if not given.",
            autocompletion=completing("metrics"),
        ),
    ] = None,
    apertures: Annotated[
        list[str] | None, typer.Option(help="Squared; 1, 3, 10, 30, 100 if not given.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many examples.")] = 24,
    seed: Annotated[int, typer.Option(help="That the images are drawn by; not the data set's own.")] = 3,
    output: Annotated[Path, typer.Option(help="The TOML file.")] = Path("conceptors.toml"),
) -> None:
    """Choose the aperture and the read-out of conceptors, and write them as settings for a run.

    Every aperture with each read-out, the evidence and the evidence times the map, is scored on images
    drawn by another seed than those that a run evaluates. The highest criterion is taken: the mean of
    the metrics, those where lower is better counted negative.

    Example:
      xaibench calibrate conceptors --data cutouts && xaibench run --config conceptors.toml
    """
    from xaibench.cli.display.progress import Progress
    from xaibench.engine.tools.calibrate import calibrate  # opens torch

    candidates = [
        {APERTURE: squared, READ_OUT: sharp}
        for sharp, squared in product((False, True), map(number, split(apertures) or APERTURES))
    ]
    names, criteria = split(explainers) or ("grad-cam",), split(metrics) or METRICS
    with Progress(Console(stderr=True)) as progress:
        calibration = calibrate(
            installed(), MODIFIER, candidates, names, model, data, criteria, seed, limit, progress
        )
    try:
        output.write_text(calibration.toml(), encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error}") from error
    typer.echo(f"{calibration.images}\n{calibration.table.round(4).to_string()}")
    typer.echo(f"{MODIFIER}: {dict(calibration.chosen)}: {output}")


def side_by_side(names: Sequence[str]) -> dict[str, Explainer]:
    """Return each explainer and then the same under conceptors, by the label of its column."""
    registry = installed()
    columns = {}
    for name in names:
        columns[called(name)] = registry.explainer(name)
        columns[f"{called(name)}\n+ Conceptors"] = registry.explainer(f"{name}+{MODIFIER}")
    return columns


def sweep_of(name: str) -> dict[str, Explainer]:
    """Return an explainer and then the same under conceptors of growing aperture, by label."""
    explainer, modifier = installed().explainer(name), installed().modifier(MODIFIER)
    columns = {called(name): explainer}
    for squared in SWEEP:
        wider = replace(modifier, settings={**modifier.settings, APERTURE: squared})
        columns[f"a² = {squared:g}"] = modified(explainer, wider)
    return columns


def called(name: str) -> str:
    """Return the name of an explainer as papers write it, where that is known."""
    return WRITTEN.get(name, name)


def plain(label: str) -> str:
    """Return a label on one line."""
    return " ".join(label.split())


def number(text: str | float) -> float:
    """Return a number; raise a BadParameter where `text` is none."""
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no number") from error
