"""The leaderboard's table: intervals on their column's scale, ties in line, words for missing scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

from xaibench.report.page.svg import Axis, Drawing, dot, line
from xaibench.results.board import Board, Line
from xaibench.results.statistics.ties import letters_in
from xaibench.results.values import ABSENT, Value

WIDTH, HEIGHT = 72.0, 26.0  # pixels of a whisker


@dataclass(frozen=True)
class BoardCell:
    """One cell of the table.

    Args:
        word: instead of a number, where there is none.
        whisker: the interval, on the column's axis.
    """

    value: Value
    word: str
    whisker: Drawing | None


@dataclass(frozen=True)
class BoardRow:
    """One row of the table; `letters` has "" for each of the table's letters that the line lacks."""

    line: Line
    letters: tuple[str, ...]
    cells: tuple[BoardCell, ...]


@dataclass(frozen=True)
class Table:
    """The table of one leaderboard."""

    board: Board
    rows: tuple[BoardRow, ...]


def drawn(board: Board) -> Table:
    """Return the table of a leaderboard, each column on one scale."""
    every = list(dict.fromkeys(letter for each in board.lines for letter in letters_in(each.tie)))
    axes = {key: axis([each.values[key] for each in board.lines]) for key in keys(board)}
    rows = []
    for each in board.lines:
        own = letters_in(each.tie)
        letters = tuple(letter if letter in own else "" for letter in every)
        cells = tuple(cell(each.values[key], axes[key]) for key in keys(board))
        rows.append(BoardRow(each, letters, cells))
    return Table(board, tuple(rows))


def keys(board: Board) -> list[str]:
    """Return the keys of a leaderboard's columns."""
    return [column.key for column in board.columns]


def axis(values: Sequence[Value]) -> Axis:
    """Return the axis of a column, as wide as its intervals reach."""
    ends = [
        end for value in values if isfinite(value.mean) for end in (value.low, value.mean, value.high)
    ]
    known = [end for end in ends if end == end]
    return Axis(min(known, default=nan), max(known, default=nan), 4, WIDTH - 4)


def cell(value: Value, on: Axis) -> BoardCell:
    """Return the cell of a value on its column's axis."""
    word = "" if value.mean == value.mean else word_of(value)
    return BoardCell(value, word, whisker(on, value) if isfinite(value.mean) else None)


def word_of(value: Value) -> str:
    """Return one word for the reason of a missing number."""
    if not value.requested:
        return "not asked"
    return next((status for status in ABSENT if value.lacking[status]), "none")


def whisker(on: Axis, value: Value) -> Drawing:
    """Draw an interval on its column's axis, the mean as a dot."""
    y = HEIGHT / 2
    marks = [line(0, y, WIDTH, y, "track")]
    if value.low == value.low:
        marks.append(line(on.at(value.low), y, on.at(value.high), y, "interval"))
    marks.append(dot(on.at(value.mean), y, 2.6, "mean", ""))
    return Drawing(WIDTH, HEIGHT, "", tuple(marks))
