"""`xaibench explain`: one picture by several explainers, side by side in one PNG."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xaibench.api.errors import ConfigError, Unsupported
from xaibench.cli.names import completing, split
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import default_config

if TYPE_CHECKING:
    from xaibench.engine.tools.panels import Panel

ALL = "all"  # instead of explainers' names


def explain(
    image: Annotated[Path, typer.Argument(help="A picture.")],
    model: Annotated[
        str,
        typer.Option(help="As in `xaibench list models`.", autocompletion=completing("models")),
    ] = "efficientnet-lite0",
    explainer: Annotated[
        str | None,
        typer.Option(
            help="One alone, as in `xaibench list explainers`.", autocompletion=completing("explainers")
        ),
    ] = None,
    explainers: Annotated[
        list[str] | None,
        typer.Option(
            help="Several, or all that are installed; the default's nine if not given.",
            autocompletion=completing("explainers"),
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Class to explain; the predicted one if not given.", metavar="NAME|INDEX"),
    ] = None,
    target_layer: Annotated[
        str | None, typer.Option(help="Path of a module; found if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of explainers that draw.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(help="The PNG; <image>.<explainer>.png or <image>.explained.png here by default."),
    ] = None,
) -> None:
    """Explain what a model sees in one picture, and write the maps over it as one PNG.

    Below each map stands how long its explainer took, the pass that all share not included.

    Examples:
      xaibench explain cat.jpg

      xaibench explain cat.jpg --model efficientnet-lite0 --explainer layer-cam --target "tiger cat"

      xaibench explain cat.jpg --explainers grad-cam,layer-cam,rise
    """
    if explainer and explainers:
        raise ConfigError("--explainer is one and --explainers are several: give one of the two")
    names = [explainer] if explainer else named(split(explainers))
    from xaibench.engine.tools.panels import explain_picture  # opens torch
    from xaibench.report.overlay import Tile, draw_overlays

    panel = explain_picture(model, image, names, target, target_layer, seed)
    if explainer and explainer in panel.missing:
        raise Unsupported(f"{explainer}: {panel.missing[explainer]}")
    path = output or Path(f"{image.stem}.{explainer or 'explained'}.png")
    title = f"{panel.target} ({panel.probability:.0%})"
    tiles = [
        Tile(name, panel.maps.get(name), panel.missing.get(name) or took(panel.ms[name]))
        for name in panel.ms
    ]
    notes = notes_of(panel)
    draw_overlays(path, panel.colours, tiles, title, "; ".join([f"{model} at {panel.layer}", *notes]))
    if explainer:
        typer.echo(f"{title} by {explainer} at {panel.layer}: {path}")
    else:
        typer.echo(f"{title}, {model} at {panel.layer}: {path}")
        for tile in tiles:
            typer.echo(f"  {tile.title}: {tile.below}")
    for note in notes:
        typer.echo(note)
    if any(reason.startswith("failed") for reason in panel.missing.values()):
        raise typer.Exit(1)


def named(given: tuple[str, ...]) -> list[str]:
    """The explainers asked for."""
    if ALL in given:
        return list(installed().explainers)
    return list(given or default_config()["explainers"])


def took(ms: float) -> str:
    """A time as one reads it."""
    return f"{ms / 1e3:.1f} s" if ms >= 1e3 else f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def notes_of(panel: "Panel") -> list[str]:
    """What must be said of explainers that have a map, each note once."""
    names_by_note: dict[str, list[str]] = {}
    for name in panel.maps:
        note = installed().explainer(name).note
        if note:
            names_by_note.setdefault(note, []).append(name)
    return [f"{', '.join(names)}: {note}" for note, names in names_by_note.items()]
