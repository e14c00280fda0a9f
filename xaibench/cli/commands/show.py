"""`xaibench show`: the leaderboard of a results folder."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.commands.stats import number, with_half
from xaibench.cli.display.sparklines import LEGEND, curve_tables

if TYPE_CHECKING:
    from xaibench.results.board import Board, Line
    from xaibench.results.mean_curves import MeanCurves
    from xaibench.results.results import Results
    from xaibench.results.values import Value
    from xaibench.results.verdict.verdict import Standing

WIDEST = 10_000  # characters
MARK = "●"
LEGEND_OF_RANKS = (
    "may be best: the set of explainers that contains the best with 95 % confidence; rank: its 95 % "
    "interval among the explainers; mean rank: over images and families of metrics; controls never look "
    "at the network: they stand below and are not ranked; no score: reasons below"
)


def show(results: Annotated[Path, typer.Argument(help="A results folder.")]) -> None:
    """Print the leaderboard of a results folder, and the mean curves of metrics that keep them.

    Example:
      xaibench show results/run-1a2b3c4d
    """
    from xaibench.results.mean_curves import mean_curves
    from xaibench.results.results import Results

    loaded = Results.load(results)
    print_results(loaded, Console(), list(mean_curves(loaded.scores)))


def print_results(results: "Results", console: Console, curves: "Sequence[MeanCurves]" = ()) -> None:
    """The leaderboard of each model and data set, what went wrong, and where the files are.

    Args:
        results: of a run.
        console: to print on.
        curves: to draw below the leaderboards.
    """
    for board in results.boards():
        print_whole(leaderboard(board), console)
        for sentence in board.sentences:
            console.print(escape(sentence), highlight=False)
        drawn = list(curve_tables(board, curves, console.width))
        for table in drawn:
            console.print(table)
        if not drawn:  # whose tables end with an empty line
            console.print()
    if curves:
        console.print(f"[dim]{LEGEND}[/]", highlight=False)
    console.print(f"[dim]{LEGEND_OF_RANKS}[/]", highlight=False)
    for note, names in results.notes.items():
        console.print(f"[dim]{escape(', '.join(names))}: {escape(note)}[/]", highlight=False)
    for problem in results.problem_sentences():
        status, _, where = problem.partition(" ")
        console.print(f"[yellow]{status}[/] {escape(where)}", highlight=False)
    if not results.manifest:
        console.print("[yellow]unfinished[/] this run was stopped; the same command goes on with it")
    spent = results.manifest.get("seconds", {}).get("all")
    if spent is not None:
        forwards = sum(results.manifest.get("forwards", {}).values())
        console.print(f"{spent:,.0f} s, {forwards:,} forwards in the last call", highlight=False)
    for name in ("scores", "gallery.png", "report.html", "manifest.json"):
        if (results.path / name).exists():
            console.print(f"[dim]{escape(str(results.path / name))}[/]", highlight=False)


def print_whole(table: Table, console: Console) -> None:
    """A table with all its numbers: where it is wider than the console, its lines run on."""
    table.width = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    console.print(table, crop=False)


def leaderboard(board: "Board") -> Table:
    """One model on one data set: mean and half width of the 95 % interval, best first."""
    table = Table(title=escape(board.title), title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    table.padding = 0
    table.add_column("explainer", no_wrap=True)
    for column in board.columns:
        heading = f"{escape(column.name)}\n@{column.version} {column.arrow}"
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("may be\nbest", justify="center")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("mean\nrank", justify="right")
    table.add_column("ms", justify="right", no_wrap=True)
    if board.degenerate:
        table.add_column("flat\nmaps", justify="right")
    if board.missing:
        table.add_column("no\nscore", justify="right")
    for line, standing in in_order(board):
        table.add_row(
            escape(line.explainer),
            *(cell(line.values[column.key]) for column in board.columns),
            MARK if standing.may_be_best else "",
            rank_interval(standing),
            number(standing.score, 1),
            "-" if isnan(line.ms) else f"{line.ms:,.{int(line.ms < 10)}f}",
            *([str(line.degenerate or "")] if board.degenerate else []),
            *([str(line.missing or "")] if board.missing else []),
        )
    table.caption = (
        f"{board.images} images; mean ± half the 95 % bootstrap interval; ms: an explainer's "
        "own part of an image, the shared pass not included"
    )
    table.caption_justify = "left"
    return table


def in_order(board: "Board") -> "list[tuple[Line, Standing]]":
    """Return a board's lines in the order of the verdict, each with what the verdict says of it.

    Explainers that no ranking metric has scores of stand last.
    """
    from xaibench.results.verdict.verdict import Standing

    lines = {line.explainer: line for line in board.lines}
    standings = {standing.explainer: standing for standing in board.verdict.standings}
    for name, line in lines.items():
        standings.setdefault(name, Standing(name, line.control, ranked=False))
    return [(lines[name], standing) for name, standing in standings.items() if name in lines]


def rank_interval(standing: "Standing") -> str:
    """Return the lowest and highest rank, or what an explainer is that has none."""
    if standing.control:
        return "control"
    if not standing.ranked:
        return "-"
    low, high = int(standing.rank_low), int(standing.rank_high)
    return f"{low}" if low == high else f"{low}–{high}"  # noqa: RUF001  # a range


def cell(value: "Value") -> str:
    """A mean and half its interval."""
    if isnan(value.mean):
        return "[dim]unsupported[/]" if value.unsupported else "[dim]-[/]"
    return with_half(value.mean, value.half)
