"""Quality against cost: a chart for each metric, over milliseconds and over forwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from xaibench.report.page.svg import (
    Axis,
    Drawing,
    LabelledPoint,
    Mark,
    dot,
    labelled,
    line,
    path,
    plain,
    words,
)
from xaibench.results.board import Board
from xaibench.results.values import Column

WIDTH, HEIGHT = 400.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 10.0, 32.0, 40.0
HEAD = 14.0  # above the names: there the shared pass has its own
LEAST_MS = 0.01  # what a clock can tell of a map
MS, FORWARDS = "milliseconds", "forwards"


@dataclass(frozen=True)
class Spot:
    """An explainer in a chart."""

    name: str
    cost: float
    mean: float
    low: float
    high: float
    control: bool


@dataclass(frozen=True)
class Chart:
    """The chart of one metric over one cost."""

    metric: str
    cost: str
    drawing: Drawing


def charts(board: Board) -> list[Chart]:
    """Return the charts of the metrics that rank, or of all metrics if none does; cheap is left.

    The shared pass is drawn as a line by its milliseconds; every explainer needs its forwards, and
    they are counted with its own.

    Args:
        board: of one model and data set.
    """
    standing = [column for column in board.columns if not column.describes]
    shared_ms, shared_forwards = board.shared
    drawn = []
    for column in standing or board.columns:
        lines = [each for each in board.lines if isfinite(each.values[column.key].mean)]
        for cost in (MS, FORWARDS):
            spots = [
                Spot(
                    each.explainer,
                    max(each.ms, LEAST_MS) if cost == MS else each.forwards + max(1.0, shared_forwards),
                    each.values[column.key].mean,
                    each.values[column.key].low,
                    each.values[column.key].high,
                    each.control,
                )
                for each in lines
            ]
            if spots:
                drawing = chart(spots, column, cost, shared_ms if cost == MS else 0.0, board.title)
                drawn.append(Chart(column.name, cost, drawing))
    return drawn


def chart(spots: Sequence[Spot], column: Column, cost: str, shared: float, where: str) -> Drawing:
    """Draw points with intervals and names, and the line of those that no other beats in both."""
    costs = [spot.cost for spot in spots] + ([shared] if shared > 0 else [])
    lows = [spot.low if spot.low == spot.low else spot.mean for spot in spots]
    highs = [spot.high if spot.high == spot.high else spot.mean for spot in spots]
    margin = 0.04 * (max(highs) - min(lows)) or 0.05
    x = Axis(min(costs) / 1.6, max(costs) * 2.2, LEFT, WIDTH - RIGHT, log=True)
    y = Axis(min(lows) - margin, max(highs) + margin, HEIGHT - BOTTOM, TOP)
    marks = [*frame(x, y, cost), *shared_line(x, shared), *front(spots, x, y, column.higher_is_better)]
    for spot, low, high in zip(spots, lows, highs, strict=True):
        across = x.at(spot.cost)
        style = "interval control" if spot.control else "interval"
        marks.append(line(across, y.at(low), across, y.at(high), style))
    places = labelled(
        [LabelledPoint(x.at(spot.cost), y.at(spot.mean), spot.name) for spot in spots],
        (LEFT, HEAD, WIDTH, HEIGHT - BOTTOM),
    )
    for spot, (left, base, anchor) in zip(spots, places, strict=True):
        across, down = x.at(spot.cost), y.at(spot.mean)
        style = "control" if spot.control else "explainer"
        title = f"{spot.name}: {spot.mean:.3f}, {spot.cost:,.2f} {cost}"
        if abs(base - 3.5 - down) > 7:
            marks.append(line(across, down, left, base - 3.5, "leader"))
        marks.append(dot(across, down, 4, style, title))
        marks.append(words(left, base, spot.name, f"name {style}", anchor))
    arrow = "higher" if column.higher_is_better else "lower"
    label = f"{column.name} against {cost} a map, {where}; {arrow} is better. The table has its numbers."
    return Drawing(WIDTH, HEIGHT, label, tuple(marks))


def frame(x: Axis, y: Axis, cost: str) -> list[Mark]:
    """Draw both axes with their numbers."""
    bottom = HEIGHT - BOTTOM
    marks = [line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis")]
    for tick in y.ticks():
        marks.append(line(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick), "rule"))
        marks.append(words(LEFT - 8, y.at(tick) + 3.5, plain(round(tick, 10)), "tick", "end"))
    for tick in x.ticks():
        marks.append(line(x.at(tick), bottom, x.at(tick), bottom + 4, "axis"))
        marks.append(words(x.at(tick), bottom + 17, plain(tick), "tick", "middle"))
    caption = f"{cost} a map, " + ("its own part" if cost == MS else "the shared pass included")
    marks.append(words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, caption, "tick", "middle"))
    return marks


def shared_line(x: Axis, shared: float) -> list[Mark]:
    """Draw the time of the shared pass, which precedes every explainer's own part."""
    if shared <= 0:
        return []
    at = x.at(shared)
    return [
        line(at, HEAD, at, HEIGHT - BOTTOM, "shared"),
        words(at, HEAD - 4, "shared pass", "tick", "middle"),
    ]


def front(spots: Sequence[Spot], x: Axis, y: Axis, higher: bool) -> list[Mark]:
    """Draw steps along explainers than which none is both cheaper and better; controls do not count."""
    best: list[Spot] = []
    turn = 1 if higher else -1
    for spot in sorted(spots, key=lambda spot: (spot.cost, -turn * spot.mean)):
        if not spot.control and (not best or turn * spot.mean > turn * best[-1].mean):
            best.append(spot)
    if len(best) < 2:
        return []
    points = [(x.at(best[0].cost), y.at(best[0].mean))]
    for before, spot in pairwise(best):
        points += [(x.at(spot.cost), y.at(before.mean)), (x.at(spot.cost), y.at(spot.mean))]
    return [path(points, "front")]
