"""Critical-difference diagrams (Demsar 2006) as PNG: mean ranks, and bars between tied explainers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xaibench.api.errors import ConfigError

LEAST = "not enough to rank"
NOTE = (
    "Mean over images of the ranks within them, 1 is best. A bar joins explainers whose mean ranks "
    "differ by less than the critical difference of Nemenyi's test at the 0.05 level: they cannot be "
    "told apart."
)
WIDTH, LINE = 7.6, 0.21  # inches: of a diagram, of a name in it


@dataclass(frozen=True)
class Diagram:
    """One line of ranks.

    Args:
        title: what was ranked.
        names: of the explainers.
        ranks: their mean ranks, one each.
        critical: difference that is significant, in ranks; NaN where there is none.
        blocks: how many images were ranked in.
    """

    title: str
    names: tuple[str, ...]
    ranks: tuple[float, ...]
    critical: float
    blocks: int


def draw_diagrams(path: Path, diagrams: Sequence[Diagram]) -> None:
    """Write a PNG of diagrams, one below the other.

    Raises:
        ConfigError: the file cannot be written.
    """
    heights = [1.0 + LINE * (rows_of(diagram) + len(bars(diagram)) * 0.6) for diagram in diagrams]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), dpi=130, layout="constrained")
    grid = figure.subplots(len(diagrams), 1, squeeze=False, height_ratios=heights)
    for axis, diagram in zip(grid[:, 0], diagrams, strict=True):
        draw(axis, diagram)
    figure.supxlabel(fill(NOTE, 105), fontsize=7)
    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error


def rows_of(diagram: Diagram) -> int:
    """Return the number of lines of names: half of the names are on each side."""
    return (len(diagram.names) + 1) // 2


def bars(diagram: Diagram) -> list[tuple[float, float]]:
    """Return the ends of each bar: maximal runs of mean ranks within the critical difference."""
    ranks = sorted(diagram.ranks)
    ends = [max(j for j in range(len(ranks)) if ranks[j] - rank < diagram.critical or ranks[j] == rank)
            for rank in ranks]  # fmt: skip
    return [
        (ranks[i], ranks[end]) for i, end in enumerate(ends) if end > i and (i == 0 or ends[i - 1] < end)
    ]


def draw(axis: Axes, diagram: Diagram) -> None:
    """Draw the line of ranks, the critical difference above, names on both sides, and bars between."""
    count = len(diagram.names)
    axis.set_title(diagram.title, fontsize=9, loc="left")
    axis.axis("off")
    if count < 2 or diagram.blocks < 2:
        axis.text(0.5, 0.5, LEAST, ha="center", va="center", fontsize=8, transform=axis.transAxes)
        return
    joined = bars(diagram)
    first = 0.9 + 0.6 * len(joined)  # below the line, in names
    side = 0.42 * (count - 1)
    axis.set_xlim(1 - side, count + side)
    axis.set_ylim(first + rows_of(diagram), -2.4)
    axis.plot([1, count], [0, 0], color="black", linewidth=1)
    for rank in range(1, count + 1):
        axis.plot([rank, rank], [0, -0.25], color="black", linewidth=1)
        axis.text(rank, -0.4, str(rank), ha="center", va="bottom", fontsize=7)
    axis.plot([1, 1 + diagram.critical], [-1.75, -1.75], color="black", linewidth=1.5)
    label = f"critical difference {diagram.critical:.2f} on {diagram.blocks} images"
    axis.text(1 + diagram.critical + 0.1, -1.75, label, va="center", fontsize=7)
    for number, (low, high) in enumerate(joined):
        y = 0.55 + 0.6 * number
        axis.plot(
            [low - 0.04, high + 0.04], [y, y], color="#b3003c", linewidth=2.5, solid_capstyle="butt"
        )
    order = np.argsort(diagram.ranks, kind="stable")
    left = rows_of(diagram)
    for place, i in enumerate(order):
        on_left = place < left
        y = first + (place if on_left else count - 1 - place) + 0.4
        edge = 0.85 if on_left else count + 0.15
        rank = diagram.ranks[i]
        axis.plot([rank, rank, edge], [0, y, y], color="black", linewidth=0.6)
        label = f"{diagram.names[i]}  {rank:.2f}" if on_left else f"{rank:.2f}  {diagram.names[i]}"
        align = "right" if on_left else "left"
        axis.text(edge - 0.1 if on_left else edge + 0.1, y, label, ha=align, va="center", fontsize=7)
