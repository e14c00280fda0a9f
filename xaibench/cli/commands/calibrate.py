"""`xaibench calibrate`: settings chosen on images that the evaluation does not show."""

from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xaibench.cli.names import completing, split

app = typer.Typer(no_args_is_help=True)

MODIFIER, APERTURE, READ_OUT = "conceptors", "aperture_squared", "sharp"
APERTURES = (1.0, 3.0, 10.0, 30.0, 100.0)
METRICS = ("insertion-28", "deletion-28")


@app.callback()
def calibrations() -> None:
    """Choose settings on images that no run evaluates.

    Example:
      xaibench calibrate conceptors --data cutouts
    """


@app.command("conceptors")
def conceptors(
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
    from xaibench.engine.discovery.registry import installed
    from xaibench.engine.tools.calibrate import calibrate  # opens torch

    candidates = [
        {APERTURE: squared, READ_OUT: sharp}
        for sharp, squared in product((False, True), map(number, split(apertures) or APERTURES))
    ]
    names, wanted = split(explainers) or ("grad-cam",), split(metrics) or METRICS
    with Progress(Console(stderr=True)) as progress:
        calibration = calibrate(
            installed(), MODIFIER, candidates, names, model, data, wanted, seed, limit, progress
        )
    try:
        output.write_text(calibration.toml(), encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error}") from error
    typer.echo(f"{calibration.images}\n{calibration.table.round(4).to_string()}")
    typer.echo(f"{MODIFIER}: {dict(calibration.chosen)}: {output}")


def number(text: str | float) -> float:
    """A number, or a message for the user."""
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no number") from error
