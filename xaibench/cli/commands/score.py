"""`xaibench score`: more metrics on the maps that a run has kept."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xaibench.cli.names import split


def score(
    results: Annotated[Path, typer.Argument(help="A results folder, of a run with --keep-maps.")],
    metrics: Annotated[list[str], typer.Option(help="Metrics to add, as in `xaibench list`, or all.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the leaderboard only.")] = False,
) -> None:
    """Score the maps that are kept by more metrics; no explainer runs, and nothing is scored twice.

    Example:
      xaibench score results/mine --metrics road,relevance-mass
    """
    from xaibench.cli.commands.show import print_results
    from xaibench.cli.display.progress import Progress
    from xaibench.cli.display.working import working
    from xaibench.engine.run.score_kept import score_kept

    with working(Progress(Console(stderr=True), quiet)) as work:
        work.folder = results
        scored = score_kept(results, tuple(split(metrics)), work.observer)
    print_results(scored, Console())
    if (scored.scores["status"] == "failed").any():
        raise typer.Exit(1)
