"""Curves in a line of text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from xaibench.results.arrays import Vector
    from xaibench.results.board import Board
    from xaibench.results.mean_curves import MeanCurves

BLOCKS = "▁▂▃▄▅▆▇█"
LETTERS = 16  # of a curve
LEGEND = "mean curves, from nothing swapped to all; the lowest block is the first number above them"


def sparkline(curve: "Vector", low: float, high: float, letters: int = LETTERS) -> str:
    """A curve as blocks, the lowest for `low` and the full one for `high`."""
    from xaibench.results.mean_curves import resampled

    (points,) = resampled([curve], letters)
    share = (points - low) / (high - low) if high > low else points * 0
    places = (share.clip(0, 1) * (len(BLOCKS) - 1)).round().astype(int)
    return "".join(BLOCKS[place] for place in places)


def curve_tables(board: "Board", curves: "Sequence[MeanCurves]", width: int) -> Iterator[Table]:
    """A line an explainer, in the leaderboard's order, and a column a metric; as many as `width` holds.

    Args:
        board: the leaderboard that the tables stand below.
        curves: of all metrics that keep them.
        width: letters in a line of the terminal.
    """
    mine = [one for one in curves if (one.model, one.dataset) == (board.model, board.dataset)]
    names = [line.explainer for line in board.lines if any(line.explainer in one.curves for one in mine)]
    room = width - max(map(len, names), default=0) - 2
    for columns in fitting(mine, room):
        table = Table(title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0)
        table.add_column("explainer", no_wrap=True)
        for one in columns:
            table.add_column(escape(heading(one)), no_wrap=True)
        for name in names:
            of_board = [
                sparkline(one.curves[name], *one.ends) if name in one.curves else "" for one in columns
            ]
            table.add_row(escape(name), *of_board)
        yield table


def heading(one: "MeanCurves") -> str:
    """A metric, and what its blocks stand for."""
    low, high = one.ends
    return f"{one.key}\n{low:.2g} to {high:.2g}"


def fitting(curves: "Sequence[MeanCurves]", room: int) -> "Iterator[list[MeanCurves]]":
    """The columns of each table, none wider than `room` where that can be."""
    columns: list[MeanCurves] = []
    left = room
    for one in curves:
        needs = max(LETTERS, *map(len, heading(one).split("\n"))) + 1
        if columns and needs > left:
            yield columns
            columns, left = [], room
        columns.append(one)
        left -= needs
    if columns:
        yield columns
