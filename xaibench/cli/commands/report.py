"""`xaibench report`: a results folder as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """Write a results folder as one HTML file that works offline and can be sent to anybody.

Leaderboards with intervals and ties, quality against cost, agreement of metrics, curves, a gallery of \
maps, what has no score and why, and where all of it comes from. `xaibench run` writes it at its end; \
this writes it again, also of a run that was stopped.

The gallery shows the maps that the run kept: 3 images of each model and data set, or as many as \
`xaibench run --gallery N` says.

Examples:

  xaibench report results/run-1a2b3c4d

  xaibench report results/mine --output talk/report.html

  xaibench run --models scenes-cnn --data scenes --limit 40 --gallery 40 --output results/mine
"""


def report(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    output: Annotated[
        Path | None, typer.Option(help="The file; RESULTS/report.html if not given.")
    ] = None,
) -> None:
    """Write a results folder as one HTML file."""
    from xaibench.engine.discovery.registry import installed
    from xaibench.report.page.build import write_report
    from xaibench.results.results import Results

    written = write_report(Results.load(results), output, sections=installed().report_sections.values())
    typer.echo(f"{written.path}: {written.size}, {written.images} images with {written.maps} maps")
    if written.left_out:
        typer.echo(f"{written.left_out} kept images are in no row of this run and are not shown")
    if not written.images:
        typer.echo("no maps are kept there; run with --gallery 40 to keep those of 40 images")


report.__doc__ = EXAMPLES
