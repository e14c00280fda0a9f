"""Similarity of maps while a network's weights are drawn anew: a curve and band per explainer."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xaibench.api.errors import ConfigError

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Curve = tuple[Numbers, Numbers, Numbers]

COLOURS = ("#d1495b", "#2e86ab", "#8a8a8a", "#edae49", "#66a182")  # the first is the one examined
WIDTH = 7.5  # inches


def draw_cascade(
    path: Path, curves: Mapping[str, Curve], threshold: float, title: str, note: str
) -> None:
    """Write a PNG of the curves.

    Args:
        path: of the PNG; its folder is made.
        curves: by label, mean and ends of its interval after each stage, (n,) each.
        threshold: what a curve's mean is held against.
        title: above the picture.
        note: below it, what must be said.

    Raises:
        ConfigError: the file cannot be written.
    """
    figure = Figure(figsize=(WIDTH, 4.6), dpi=120, layout="constrained")
    axis = figure.subplots()
    stages = max(len(mean) for mean, _, _ in curves.values())
    for colour, (label, curve) in zip(COLOURS, curves.items(), strict=False):
        # before the first stage every map is its own: all curves begin at 1
        mean, low, high = (np.concatenate([[1.0], values]) for values in curve)
        x = np.arange(len(mean))
        axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(x, mean, marker="o", markersize=4, color=colour, label=label)
    axis.axhline(threshold, color="black", linewidth=1, linestyle="--")
    axis.annotate(
        "a curve with its mean above fails", (1, threshold), (-2, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", fontsize=8,
    )  # fmt: skip
    names = ["trained", "logits", *map(str, range(2, stages)), "all"][: stages + 1]
    axis.set_xticks(np.arange(stages + 1), names)
    axis.set_ylim(min(-0.1, axis.get_ylim()[0]), 1.03)
    axis.set_xlabel("stages whose weights are drawn anew, from the logits down")
    axis.set_ylabel("rank correlation with the trained network's map")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    axis.set_title(title, fontsize=11, loc="left")
    figure.supxlabel(fill(note, round(15 * WIDTH)), fontsize=7)
    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error
