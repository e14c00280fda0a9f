"""A picture, and beside it the same picture under its saliency maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xaibench.api.errors import ConfigError
from xaibench.report.gallery import one_modifier_a_line, overlay, strip
from xaibench.results.kept import Array

COLUMNS = 5
LETTERS = 11  # in an inch of small type
LARGE, SMALL = 4.0, 2.1  # inches of a picture: of two, of more


@dataclass(frozen=True)
class Tile:
    """One map with the text above and below it.

    Args:
        title: above it.
        saliency: (H, W) in [0, 1]; None where there is none.
        below: such as what it took, or why there is none.
    """

    title: str
    saliency: Array | None
    below: str = ""


def draw_overlays(path: Path, colours: Array, tiles: Sequence[Tile], title: str, note: str) -> None:
    """Write a PNG: the picture first, then one tile per map, row by row.

    Args:
        path: of the PNG; its folder is made.
        colours: (H, W, 3) of uint8.
        tiles: at least one.
        title: above the picture itself.
        note: below everything, what must be said.

    Raises:
        ConfigError: the file cannot be written.
    """
    columns = min(COLUMNS, len(tiles) + 1)
    rows = -(-(len(tiles) + 1) // columns)
    side = LARGE if len(tiles) == 1 else SMALL
    size = (side * columns, (side + 0.5) * rows + 0.3)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    first, *others = figure.subplots(rows, columns, squeeze=False).flat
    strip([first, *others])
    first.imshow(colours)
    first.set_title(fill(title, round(LETTERS * side)), fontsize=9)
    for axis, tile in zip(others, tiles, strict=False):
        draw_tile(axis, colours, tile, round(LETTERS * side))
    if note:
        figure.supxlabel(fill(note, round(LETTERS * side * columns * 1.2)), fontsize=7)
    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error


def draw_tile(axis: Axes, colours: Array, tile: Tile, letters: int) -> None:
    """Draw the picture under one map, or a word if there is no map."""
    axis.set_title(one_modifier_a_line(tile.title), fontsize=9)
    axis.set_xlabel(fill(tile.below, letters, max_lines=4, placeholder=" …"), fontsize=7)
    if tile.saliency is None:
        axis.text(0.5, 0.5, "no map", ha="center", va="center", fontsize=8, color="grey")
    else:
        overlay(axis, colours, tile.saliency)
