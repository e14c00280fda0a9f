"""`xaibench figure`: pictures for a lecture or a paper."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from xaibench.api.specs import Explainer, modified
from xaibench.cli.names import completing, split
from xaibench.engine.discovery.registry import installed

app = typer.Typer(no_args_is_help=True)

BASES = ("grad-cam", "grad-cam++", "layer-cam")
MODIFIER, APERTURE = "conceptors", "aperture_squared"
SWEEP = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
WRITTEN = {"grad-cam": "Grad-CAM", "grad-cam++": "Grad-CAM++", "layer-cam": "Layer-CAM"}


@app.callback()
def figures() -> None:
    """Draw the figures of a lecture or a paper.

    Example:
      xaibench figure conceptors cat.jpg dog.jpg --output figures
    """


@app.command("conceptors")
def conceptors(
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
    drawn_panels = panels(model, examples_of(images or [], "photos"), compared | swept)
    for label, reason in {
        label: reason for panel in drawn_panels for label, reason in panel.missing.items()
    }.items():
        typer.echo(f"no map by {plain(label)}: {reason}", err=True)
    note = "; ".join(dict.fromkeys(spec.note for spec in compared.values() if spec.note))
    caption = f"Dot: the map's peak. Maps are of the class that {model} predicts. Conceptors: {note}."
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
            for panel in drawn_panels
        ]
        draw_columns(output / file, list(columns), rows, title, caption)
        typer.echo(f"{title}: {output / file}")
    typer.echo(f"conceptors: {note}")


def side_by_side(names: Sequence[str]) -> dict[str, Explainer]:
    """Each explainer, then it under conceptors, by label."""
    registry = installed()
    explainers = {}
    for name in names:
        explainers[called(name)] = registry.explainer(name)
        explainers[f"{called(name)}\n+ Conceptors"] = registry.explainer(f"{name}+{MODIFIER}")
    return explainers


def sweep_of(name: str) -> dict[str, Explainer]:
    """An explainer, then it under conceptors of growing aperture, by label."""
    explainer, modifier = installed().explainer(name), installed().modifier(MODIFIER)
    explainers = {called(name): explainer}
    for squared in SWEEP:
        wider = replace(modifier, settings={**modifier.settings, APERTURE: squared})
        explainers[f"a² = {squared:g}"] = modified(explainer, wider)
    return explainers


def called(name: str) -> str:
    """As papers write it, where we know."""
    return WRITTEN.get(name, name)


def plain(label: str) -> str:
    """A label on one line."""
    return " ".join(label.split())
