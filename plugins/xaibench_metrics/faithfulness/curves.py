"""Insertion and deletion in RISE's convention. Petsiuk et al. 2018, arXiv:1806.07421."""

from collections.abc import Callable
from functools import cache
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.ranking import descending_rank

KERNEL, SIGMA = 11, 5.0
SAME_ENDS = "the curve's two ends are the same: there is nothing to measure it by"


def deletion(maps: Maps, batch: Batch, steps: int = 224, grid: int = 0) -> Asks[Scored]:
    """Area under the target probability as the image greys out, most salient pixels first.

    Its curve starts with the image's own probability. With `grid`, cells of grid x grid are swapped.
    """
    grey = torch.zeros_like(batch.images)  # the mean colour, once images are normalised
    return (yield from area(maps, batch, batch.images, grey, ("image", "grey"), steps, grid))


def insertion(
    maps: Maps, batch: Batch, steps: int = 224, grid: int = 0, start: str = "blurred"
) -> Asks[Scored]:
    """Area under the target probability as the blurred image comes clear, most salient first.

    Its curve starts with the blurred image's probability: blur leaves evidence of the class. Score-CAM's
    variant starts from "grey". With `grid`, cells of grid x grid are swapped.
    """
    first = blur(batch.images) if start == "blurred" else torch.zeros_like(batch.images)
    return (yield from area(maps, batch, first, batch.images, (start, "image"), steps, grid))


def insertion_deletion(maps: Maps, batch: Batch, steps: int = 224) -> Asks[Scored]:
    """Insertion's area minus deletion's, in [-1, 1]; it needs no forward that they do not."""
    inserted = yield from insertion(maps, batch, steps)
    deleted = yield from deletion(maps, batch, steps)
    assert inserted.curves is not None
    assert deleted.curves is not None
    return Scored(inserted.scores - deleted.scores, inserted.curves - deleted.curves)


def insertion_normalised(maps: Maps, batch: Batch, steps: int = 224) -> Asks[Scored]:
    """Insertion's area as a share of the way from the blurred image's probability to the image's."""
    return normalised((yield from insertion(maps, batch, steps)), foot=0, top=-1)


def deletion_normalised(maps: Maps, batch: Batch, steps: int = 224) -> Asks[Scored]:
    """Deletion's area as a share of the way from the grey image's probability to the image's."""
    return normalised((yield from deletion(maps, batch, steps)), foot=-1, top=0)


def normalised(scored: Scored, foot: int, top: int) -> Scored:
    """(area - foot) / (top - foot), of a curve's two ends.

    Undefined where they are the same up to 1e-6 of the larger.
    """
    assert scored.curves is not None
    low, high = scored.curves[:, foot], scored.curves[:, top]
    same = (high - low).abs() <= 1e-6 * torch.maximum(high.abs(), low.abs())
    shares = (scored.scores - low) / (high - low)
    undefined = dict.fromkeys(same.nonzero().flatten().tolist(), SAME_ENDS)
    return Scored(shares.masked_fill(same, torch.nan), scored.curves, undefined)


def area(
    maps: Maps,
    batch: Batch,
    start: Images,
    end: Images,
    names: tuple[str, str],
    steps: int,
    grid: int = 0,
) -> Asks[Scored]:
    """Area under the target probability from `start` to `end`, in [0, 1].

    Args:
        maps: (B, H, W), larger is more salient.
        batch: the trials.
        start: images with nothing swapped.
        end: images with everything swapped.
        names: what `start` and `end` are called: they are the same for every map.
        steps: into how many parts the pixels are cut, but for rounding up to whole pixels.
        grid: cut the image into grid x grid cells, or as many as it has pixels, and swap whole ones, by
            their mean saliency; 0: pixels.
    """
    build, last = swaps(maps, batch, start, end, steps, grid)
    common = {0: names[0], last: names[1]}
    name = f"{names[0]} to {names[1]} in {steps}" + (f", cells of {grid} x {grid}" if grid else "")
    curve = yield Variants(build, count=last + 1, common=common, name=name)
    return Scored(torch.trapezoid(curve, dx=1 / last), curve)


def swaps(
    maps: Maps, batch: Batch, start: Images, end: Images, steps: int, grid: int = 0
) -> tuple[Callable[[int, Indices], Images], int]:
    """What makes step k of an image's way from `start` to `end`, and how many steps there are.

    The arguments are those of `area`; at step 0 nothing is swapped, at the last everything.
    """
    rank = ranked_cells(maps, batch, grid) if grid else descending_rank(maps, batch)
    parts = int(rank[0].max()) + 1
    step = ceil(parts / steps)

    def build(row: int, k: Indices) -> Images:
        swapped = rank[row] < (k * step)[:, None, None]
        return torch.where(swapped[:, None], end[row], start[row])

    return build, ceil(parts / step)


def ranked_cells(maps: Maps, batch: Batch, grid: int) -> Tensor:
    """(B, H, W): for each pixel the rank of its cell, 0 where saliency is largest on average.

    A pixel belongs to one cell; where the grid does not divide the size, some cells have one pixel
    more across or down.
    """
    height, width = maps.shape[1:]
    down, across = (cells_along(side, grid).to(maps.device) for side in (height, width))
    rows = F.one_hot(down).to(maps)
    columns = F.one_hot(across).to(maps)
    means = (rows / rows.sum(0)).mT @ maps @ (columns / columns.sum(0))
    return descending_rank(means, batch)[:, down][:, :, across]


def cells_along(side: int, grid: int) -> Tensor:
    """(side,), the cell that each pixel along a side belongs to."""
    return torch.arange(side) * min(grid, side) // side


def blur(images: Images) -> Images:
    """Each colour convolved with RISE's kernel, zeros beyond the border.

    The kernel is a unit impulse smoothed by a Gaussian of sigma 5 inside an 11 x 11 window whose
    border reflects: nearly a box filter, and not a truncated Gaussian.
    """
    profile = torch.from_numpy(_profile()).to(images)
    across = profile.view(1, 1, 1, -1).expand(3, -1, -1, -1)
    pad = KERNEL // 2
    rows = F.conv2d(images, across, padding=(0, pad), groups=3)
    return F.conv2d(rows, across.mT, padding=(pad, 0), groups=3)


@cache
def _profile() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    impulse = np.zeros(KERNEL)
    impulse[KERNEL // 2] = 1
    profile: np.ndarray[tuple[int], np.dtype[np.float64]] = gaussian_filter1d(impulse, SIGMA)
    return profile
