"""The gallery: images by explainers, each map over its image, with the box and the peak."""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import shorten

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xaibench.results.folder import RunFolder
from xaibench.results.kept import Array, KeptMap, KeptMaps

BOX, PEAK = "#39ff88", "#ff2bd6"
COLOURS = "inferno"
SHOWN = 3  # images of each model and data set
LEGEND = "box: where the target class is; dot: the map's peak, which the pointing game asks about"


def draw_gallery(
    folder: Path, notes: Mapping[str, Sequence[str]], kept_maps: KeptMaps | None = None
) -> Path | None:
    """Draw `gallery.png` from the first maps that a run has kept.

    Args:
        folder: the results folder.
        notes: each note to the reader with the explainers that it is about; see `Results.notes`.
        kept_maps: the run's kept maps, held for the report; those in the folder if not given.

    Returns:
        The path of the picture; None if the run kept no maps.

    Raises:
        ConfigError: there is no room, or no right to write.
        DataError: kept maps cannot be read.
    """
    hold, kept_maps = kept_maps is not None, kept_maps or KeptMaps(folder)
    paths = drawn(kept_maps)
    if not paths:
        return None
    kept = [kept_maps.load(path, hold) for path in paths]
    names = list(dict.fromkeys(name for facts, _, _ in kept for name in facts.explainers))
    figure = Figure(figsize=(1.45 * (len(names) + 1), 1.62 * len(kept)), dpi=100, layout="constrained")
    grid = figure.subplots(len(kept), len(names) + 1, squeeze=False)
    for axes, (facts, colours, maps) in zip(grid, kept, strict=True):
        draw_row(list(axes), facts, colours, maps, names)
    for axis, name in zip(grid[0], ["", *names], strict=True):
        axis.set_title(one_modifier_a_line(name), fontsize=8)
    sentences = [f"{', '.join(named)}: {note}" for note, named in notes.items()]
    figure.supxlabel("\n".join([LEGEND, *sentences]), fontsize=8)
    path = folder / "gallery.png"
    FigureCanvasAgg(figure)
    drawing = BytesIO()
    figure.savefig(drawing)
    RunFolder(folder).write_file(path, drawing.getvalue())
    return path


def drawn(kept_maps: KeptMaps) -> list[Path]:
    """Return the first files of each model and data set. The report shows all of them."""
    by_block: dict[tuple[str, str], list[Path]] = {}
    for path, facts in kept_maps.facts.items():
        by_block.setdefault((facts.model, facts.dataset), []).append(path)
    return [path for block in by_block.values() for path in block[:SHOWN]]


def draw_row(
    axes: Sequence[Axes], facts: KeptMap, colours: Array, maps: Array, names: Sequence[str]
) -> None:
    """Draw one row: the image, then the image under each explainer's map."""
    strip(axes)
    axes[0].imshow(colours)
    draw_boxes(axes[0], facts)
    axes[0].set_ylabel(f"{facts.model}\n{shorten(facts.image, 22)}", fontsize=7)
    axes[0].set_xlabel(shorten(facts.target, 26, placeholder="…"), fontsize=7)
    shown = dict(zip(facts.explainers, maps, strict=True))
    for axis, name in zip(axes[1:], names, strict=True):
        if name in shown:
            overlay(axis, colours, shown[name])
            draw_boxes(axis, facts)
        else:
            axis.text(0.5, 0.5, "no map", ha="center", va="center", fontsize=7, color="grey")


def one_modifier_a_line(name: str) -> str:
    """Return a name with each "+modifier" on a line of its own; "grad-cam++" stays whole."""
    return re.sub(r"\+(?=[a-z])", "\n+", name)


def strip(axes: Sequence[Axes]) -> None:
    """Remove the ticks and frames of some axes."""
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(False)


def overlay(axis: Axes, colours: Array, saliency: Array) -> None:
    """Draw a map in colour over its grey image, and a dot at its peak."""
    axis.imshow(colours.mean(2), cmap="gray", vmin=0, vmax=255)
    if saliency.max() == saliency.min():  # it has no peak
        axis.text(0.5, 0.5, "flat", ha="center", color="white", fontsize=7, transform=axis.transAxes)
        return
    axis.imshow(saliency.astype(np.float32), cmap=COLOURS, alpha=0.6, vmin=0, vmax=1)
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    axis.plot(x, y, "o", color=PEAK, markersize=4, markeredgecolor="white", markeredgewidth=0.6)


def draw_boxes(axis: Axes, facts: KeptMap) -> None:
    """Draw the boxes of the target class."""
    for x0, y0, x1, y1 in facts.boxes:
        corner = (x0 - 0.5, y0 - 0.5)
        axis.add_patch(Rectangle(corner, x1 - x0, y1 - y0, fill=False, edgecolor=BOX, linewidth=1.1))
