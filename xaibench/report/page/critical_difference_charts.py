"""Critical-difference diagrams as SVG: mean ranks, and bars between explainers that are tied."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xaibench.report.critical_difference import LEAST, Diagram, bars, rows_of
from xaibench.report.page.svg import LETTER, Axis, Drawing, Mark, line, path, words
from xaibench.report.statistics_files import diagram
from xaibench.results.board import Board

WIDTH, LINE, SIDE = 760.0, 19.0, 205.0  # pixels: of a diagram, of a name in it, of names beside it


@dataclass(frozen=True)
class Ranking:
    """A critical-difference diagram of one model and data set, or of all where both are ""."""

    model: str
    dataset: str
    title: str
    drawing: Drawing | None
    why: str


def rankings(boards: Sequence[Board]) -> list[Ranking]:
    """Return a diagram for each leaderboard."""
    drawn = []
    for board in boards:
        facts = diagram(board.title, board.ranks)
        enough = len(facts.names) > 1 and facts.blocks > 1
        drawing = draw(facts) if enough else None
        drawn.append(Ranking(board.model, board.dataset, facts.title, drawing, LEAST))
    return drawn


def draw(diagram: Diagram) -> Drawing:
    """Draw the line of ranks, the critical difference above, bars below, names on both sides."""
    count, joined = len(diagram.names), bars(diagram)
    at = Axis(1, count, SIDE, WIDTH - SIDE)
    top, step = 54.0, 7.0
    first = top + 16 + step * len(joined)
    marks = ruler(diagram, at, top)
    for number, (low, high) in enumerate(joined):
        y = top + 10 + step * number
        marks.append(line(at.at(low) - 3, y, at.at(high) + 3, y, "tie"))
    left = rows_of(diagram)
    for place, i in enumerate(np.argsort(diagram.ranks, kind="stable")):
        on_left = place < left
        y = first + LINE * (place if on_left else count - 1 - place) + 8
        edge = SIDE - 14 if on_left else WIDTH - SIDE + 14
        x = at.at(diagram.ranks[i])
        marks.append(path([(x, top), (x, y), (edge, y)], "leader"))
        shown = shortened(diagram.names[i], SIDE - 60)
        label_of_name = (
            f"{shown}  {diagram.ranks[i]:.2f}" if on_left else f"{diagram.ranks[i]:.2f}  {shown}"
        )
        marks.append(
            words(
                edge + (-5 if on_left else 5),
                y + 4,
                label_of_name,
                "name",
                "end" if on_left else "start",
            )
        )
    order = sorted(zip(diagram.ranks, diagram.names, strict=True))
    label = (
        f"Critical-difference diagram, {diagram.title}: mean ranks "
        + ", ".join(f"{name} {rank:.2f}" for rank, name in order)
        + f"; critical difference {diagram.critical:.2f} on {diagram.blocks} images"
    )
    return Drawing(WIDTH, first + LINE * left + 8, label, tuple(marks))


def ruler(diagram: Diagram, at: Axis, top: float) -> list[Mark]:
    """Draw the line of ranks with its numbers, and the critical difference to scale."""
    count = len(diagram.names)
    marks = [line(at.start, top, at.end, top, "axis")]
    for rank in range(1, count + 1):
        marks.append(line(at.at(rank), top, at.at(rank), top - 5, "axis"))
        marks.append(words(at.at(rank), top - 9, str(rank), "tick", "middle"))
    reach = at.at(min(1 + diagram.critical, count))
    marks.append(line(at.start, 16, reach, 16, "critical"))
    for end in (at.start, reach):
        marks.append(line(end, 12, end, 20, "critical"))
    caption = f"critical difference {diagram.critical:.2f} on {diagram.blocks} images"
    inside = reach + 8 + LETTER * len(caption) < WIDTH
    marks.append(
        words(reach + 8 if inside else at.start - 8, 20, caption, "tick", "start" if inside else "end")
    )
    return marks


def shortened(name: str, room: float) -> str:
    """Return a name that fits into some pixels."""
    fits = int(room / LETTER)
    return name if len(name) <= fits else f"{name[: fits - 1]}…"
