"""Pixel-flipping as Quantus has it. Bach et al. 2015, PLOS ONE 10(7); Quantus: arXiv:2202.06861."""

from math import ceil

import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.ranking import descending_rank


def pixel_flipping(maps: Maps, batch: Batch, pixels: int = 224) -> Asks[Scored]:
    """Area under the target probability, not normalised, as pixels are set to the image's least value.

    The curve begins after the first step, so the untouched image is not on it; neighbours on it are 1
    apart, so that its area grows with the number of steps.
    """
    rank = descending_rank(maps, batch)
    steps = ceil(rank[0].numel() / pixels)
    least = batch.images.amin((1, 2, 3), keepdim=True)

    def build(row: int, k: Indices) -> Images:
        flipped = rank[row] < ((k + 1) * pixels)[:, None, None]
        return torch.where(flipped[:, None], least[row], batch.images[row])

    name = f"flipped to the least value, {pixels} a step"
    curve = yield Variants(build, count=steps, common={steps - 1: "least value"}, name=name)
    return Scored(torch.trapezoid(curve, dx=1), curve)
