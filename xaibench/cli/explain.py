"""`xaibench explain`: one picture, one explainer, one overlay."""

from pathlib import Path
from typing import Annotated

import typer

from xaibench.cli.names import completing


def explain(
    image: Annotated[Path, typer.Argument(help="A picture.")],
    model: Annotated[
        str, typer.Option(help="As in `xaibench list models`.", autocompletion=completing("models"))
    ] = "efficientnet-lite0",
    explainer: Annotated[
        str,
        typer.Option(help="As in `xaibench list explainers`.", autocompletion=completing("explainers")),
    ] = "grad-cam",
    target: Annotated[
        int | None, typer.Option(help="Index of the class to explain; the predicted one if not given.")
    ] = None,
    target_layer: Annotated[
        str | None, typer.Option(help="Path of a module; found if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The PNG; <image>.<explainer>.png here if not given.")
    ] = None,
) -> None:
    """Explain what a model sees in one picture, and write the map over it as a PNG.

    Example:
      xaibench explain cat.jpg --model efficientnet-lite0 --explainer layer-cam
    """
    from xaibench.engine.single import explain_picture
    from xaibench.report.overlay import draw_overlay

    found = explain_picture(model, image, explainer, target, target_layer)
    path = output or Path(f"{image.stem}.{explainer}.png")
    title = f"{found.target} ({found.probability:.0%})"
    draw_overlay(path, found.colours, found.saliency, title, f"{explainer}, {model} at {found.layer}")
    typer.echo(f"{title} by {explainer} at {found.layer}: {path}")
    if found.note:
        typer.echo(f"{explainer}: {found.note}")
