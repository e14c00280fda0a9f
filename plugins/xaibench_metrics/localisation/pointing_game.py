"""Pointing game. Zhang et al. 2016, arXiv:1608.00507, in TorchRay's protocol."""

import torch
from torch import Tensor

from xaibench.api.batch import Batch, Region
from xaibench.api.maps import flat, upsample
from xaibench.api.types import Maps, Scores


def pointing_game(maps: Maps, batch: Batch, tolerance: int = 15) -> Scores:
    """1 where the map's peak is nearer than `tolerance` pixels to the target object, else 0.

    Asked in pixels of the original image, at whose size the peak is sought. A constant map has no
    peak and misses.
    """
    hits = [
        not constant and hit(point(saliency, region), region, tolerance)
        for saliency, region, constant in zip(maps, batch.regions, flat(maps).tolist(), strict=True)
    ]
    return maps.new_tensor(hits)


def point(saliency: Tensor, region: Region) -> tuple[int, int]:
    """(x, y) of the first maximum, in pixels of the original image."""
    x0, y0, x1, y1 = (round(edge) for edge in region.frame)
    enlarged = upsample(saliency[None], (y1 - y0, x1 - x0))[0]
    peak = int(enlarged.argmax())
    return x0 + peak % enlarged.shape[1], y0 + peak // enlarged.shape[1]


def hit(peak: tuple[int, int], region: Region, tolerance: int) -> bool:
    """Whether a pixel of the region is nearer to (x, y) than `tolerance`, strictly."""
    x, y = peak
    reach = tolerance - 1  # whole pixels off: the farthest along an axis that is still nearer
    pixels = region.pixels()
    top, left = max(0, y - reach), max(0, x - reach)
    around = pixels[top : max(top, y + reach + 1), left : max(left, x + reach + 1)]
    ys = torch.arange(top, top + around.shape[0])[:, None]
    xs = torch.arange(left, left + around.shape[1])
    near = (ys - y) ** 2 + (xs - x) ** 2 < tolerance**2
    return bool((near & around).any())
