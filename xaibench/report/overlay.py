"""One picture beside the same picture under its saliency map."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xaibench.api.errors import ConfigError
from xaibench.report.gallery import overlay
from xaibench.results.kept import Array


def draw_overlay(path: Path, colours: Array, saliency: Array, title: str, caption: str) -> None:
    """Write a PNG.

    Args:
        path: of the PNG.
        colours: (H, W, 3) of uint8.
        saliency: (H, W) in [0, 1].
        title: above the picture.
        caption: below it.

    Raises:
        ConfigError: the file cannot be written.
    """
    figure = Figure(figsize=(8, 4.4), dpi=110, layout="constrained")
    plain, covered = figure.subplots(1, 2)
    plain.imshow(colours)
    plain.set_title(title, fontsize=10)
    overlay(covered, colours, saliency)
    covered.set_title(caption, fontsize=10)
    for axis in (plain, covered):
        axis.axis("off")
    FigureCanvasAgg(figure)
    try:
        figure.savefig(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error
