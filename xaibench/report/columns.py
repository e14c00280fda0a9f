"""Pictures in rows, explainers in columns, labels above: the figure of a lecture or a paper."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, shorten

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from xaibench.api.errors import ConfigError
from xaibench.report.gallery import overlay, strip
from xaibench.results.kept import Array

SIDE = 1.5  # inches of a picture
INPUT = "input"

Row = tuple[str, Array, Sequence[Array | None]]


def draw_columns(path: Path, labels: Sequence[str], rows: Sequence[Row], title: str, note: str) -> None:
    """Write a PNG: each picture, then the picture under each of its maps.

    Args:
        path: of the PNG; its folder is made.
        labels: above the columns of maps.
        rows: what stands beside a picture; the picture, (H, W, 3) of uint8; its maps, (H, W) in
            [0, 1], as many as there are labels, None where there is none.
        title: above everything.
        note: below everything, what must be said.

    Raises:
        ConfigError: the file cannot be written.
    """
    width = SIDE * (len(labels) + 1) + 0.3
    close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure = Figure(figsize=(width, SIDE * len(rows) + 0.9), dpi=120, layout=close)
    grid = figure.subplots(len(rows), len(labels) + 1, squeeze=False)
    for axes, (name, colours, maps) in zip(grid, rows, strict=True):
        draw_row(list(axes), name, colours, maps)
    for axis, label in zip(grid[0], (INPUT, *labels), strict=True):
        axis.set_title(label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.supxlabel(fill(note, round(17 * width)), fontsize=7)
    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error


def draw_row(axes: Sequence[Axes], name: str, colours: Array, maps: Sequence[Array | None]) -> None:
    """Draw one row: the picture, then the picture under each map."""
    strip(axes)
    axes[0].imshow(colours)
    axes[0].set_ylabel(
        "\n".join(shorten(line, 26, placeholder="…") for line in name.split("\n")), fontsize=7
    )
    for axis, saliency in zip(axes[1:], maps, strict=True):
        if saliency is None:
            axis.text(0.5, 0.5, "no map", ha="center", va="center", fontsize=7, color="grey")
        else:
            overlay(axis, colours, saliency)
