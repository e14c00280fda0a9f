"""Kendall's tau between metrics, models and data sets, as coloured matrices."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xaibench.api.errors import ConfigError

CELL = 0.62  # inches of a number
NOTE = (
    "Kendall's tau-b of the orders in which explainers stand: 1 the same, -1 reversed, 0 unrelated; "
    "-: not comparable"
)


def draw_agreement(path: Path, matrices: Mapping[str, pd.DataFrame]) -> None:
    """Write a PNG with the matrices side by side.

    Args:
        path: of the PNG; its folder is made.
        matrices: by title, tau by first and second; NaN where there is none.

    Raises:
        ConfigError: the file cannot be written.
    """
    sizes = [len(matrix) for matrix in matrices.values()]
    width = sum(CELL * size + 1.7 for size in sizes)
    figure = Figure(figsize=(max(width, 6.0), CELL * max(sizes) + 2.0), dpi=130, layout="constrained")
    grid = figure.subplots(1, len(sizes), squeeze=False, width_ratios=[size + 2 for size in sizes])
    for axis, (title, matrix) in zip(grid[0], matrices.items(), strict=True):
        draw(axis, title, matrix)
    figure.supxlabel(NOTE, fontsize=6)
    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error


def draw(axis: Axes, title: str, matrix: pd.DataFrame) -> None:
    """Draw one matrix with its numbers."""
    values = matrix.to_numpy(dtype=float)
    axis.imshow(values, cmap="RdBu", vmin=-1, vmax=1)
    axis.set_title(title, fontsize=9)
    names = [str(name) for name in matrix.columns]
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=7)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    for (row, column), value in np.ndenumerate(values):
        label = "-" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if abs(value) > 0.65 else "black"
        axis.text(column, row, label, ha="center", va="center", fontsize=7, color=colour)
