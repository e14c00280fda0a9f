"""Insertion and deletion in RISE's convention. Petsiuk et al. 2018, arXiv:1806.07421."""

from functools import cache
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.ndimage import gaussian_filter1d

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.ranking import descending_rank

KERNEL, SIGMA = 11, 5.0


def deletion(maps: Maps, batch: Batch, steps: int = 224) -> Asks[Scored]:
    """Area under the target probability as the image greys out, most salient pixels first.

    Its curve starts with the image's own probability.
    """
    grey = torch.zeros_like(batch.images)  # the mean colour, once images are normalised
    return (yield from area(maps, batch, batch.images, grey, ("image", "grey"), steps))


def insertion(maps: Maps, batch: Batch, steps: int = 224) -> Asks[Scored]:
    """Area under the target probability as the blurred image comes clear, most salient first.

    Its curve starts with the blurred image's probability: blur leaves evidence of the class.
    """
    blurred = blur(batch.images)
    return (yield from area(maps, batch, blurred, batch.images, ("blurred", "image"), steps))


def area(
    maps: Maps, batch: Batch, start: Images, end: Images, names: tuple[str, str], steps: int
) -> Asks[Scored]:
    """Area under the target probability from `start` to `end`, in [0, 1].

    Args:
        maps: (B, H, W), larger is more salient.
        batch: the trials.
        start: images with nothing swapped.
        end: images with everything swapped.
        names: what `start` and `end` are called: they are the same for every map.
        steps: into how many parts the pixels are cut, but for rounding up to whole pixels.
    """
    pixels = maps[0].numel()
    step = ceil(pixels / steps)
    last = ceil(pixels / step)
    rank = descending_rank(maps, batch)

    def build(row: int, k: Indices) -> Images:
        swapped = rank[row] < (k * step)[:, None, None]
        return torch.where(swapped[:, None], end[row], start[row])

    common = {0: names[0], last: names[1]}
    name = f"{names[0]} to {names[1]} in {steps}"
    curve = yield Variants(build, count=last + 1, common=common, name=name)
    return Scored(torch.trapezoid(curve, dx=1 / last), curve)


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
