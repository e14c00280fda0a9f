"""Pixel-flipping as Quantus has it. Bach et al. 2015, PLOS ONE 10(7); Quantus: arXiv:2202.06861."""

from math import ceil

import numpy as np
import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants


def pixel_flipping(maps: Maps, batch: Batch, features: int = 1024) -> Asks[Scored]:
    """Area under the target probability, not normalised, as colours are set to the image's least value.

    The curve begins after the first step, so the untouched image is not on it; neighbours on it are 1
    apart, so that its area grows with the number of steps.

    Args:
        maps: (B, H, W).
        batch: the trials.
        features: values flipped in a step. Each colour of a pixel is one, all three as salient.
    """
    shape = batch.images.shape
    values = np.broadcast_to(maps[:, None].cpu().numpy(), shape).reshape(len(maps), -1)
    # NumPy's own order of ties, the library's: a pixel's three colours are always tied.
    order = np.argsort(-values, axis=1)
    rank = torch.from_numpy(np.argsort(order, axis=1)).view(shape).to(maps.device)
    steps = ceil(values.shape[1] / features)
    least = batch.images.amin((1, 2, 3), keepdim=True)

    def build(row: int, k: Indices) -> Images:
        flipped = rank[row] < ((k + 1) * features)[:, None, None, None]
        return torch.where(flipped, least[row], batch.images[row])

    name = f"flipped to the least value, {features} a step"
    curve = yield Variants(build, count=steps, common={steps - 1: "least value"}, name=name)
    return Scored(torch.trapezoid(curve, dx=1), curve)
