"""Infidelity. Yeh et al. 2019, arXiv:1901.09392, definition 2.1, with the best scale of the map."""

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Score, Variants

FLAT = "the map is flat"


def infidelity(
    maps: Maps, batch: Batch, samples: int = 50, sigma: float = 0.2, score: Score = "probability"
) -> Asks[Scored]:
    """Mean of (beta <I, map> - (f(x) - f(x - I)))^2 over Gaussian I, in units of the score squared.

    beta is the least squares one, since a map has no units; the map is the same for all colours. The
    forwards are of the image and not of the map: all maps share them.

    Args:
        maps: (B, H, W).
        batch: the trials.
        samples: how many I are drawn for an image, the same for every map.
        sigma: of I, in normalised units.
        score: f, the target's "probability" or "logit".
    """

    def build(row: int, k: Indices) -> Images:
        # Variant 0 is the image; the k-th has the k-th noise taken off.
        image = batch.images[row]
        noisy = [image - sigma * noise(batch, row, i) if i else image for i in k.tolist()]
        return torch.stack(noisy)

    common = {0: "image"} | {k: f"less noise {k} of {sigma}" for k in range(1, samples + 1)}
    curve = yield Variants(build, count=samples + 1, score=score, common=common)
    drops = curve[:, :1] - curve[:, 1:]
    noises = sigma * torch.stack(
        [
            torch.stack([(noise(batch, row, k).sum(0) * saliency).sum() for k in range(1, samples + 1)])
            for row, saliency in enumerate(maps.to(batch.images))
        ]
    )
    beta = (noises * drops).mean(1, keepdim=True) / noises.square().mean(1, keepdim=True)
    nothing = flat(maps)
    scores = (beta * noises - drops).square().mean(1).masked_fill(nothing, torch.nan)
    return Scored(scores, curve, dict.fromkeys(nothing.nonzero().flatten().tolist(), FLAT))


def noise(batch: Batch, row: int, k: int) -> Tensor:
    """(3, H, W), standard normal: the k-th of an image's, whatever batch it is in."""
    alone = batch.select([row])
    (generator,) = alone.generators(f"infidelity {k}")
    return torch.randn(batch.images.shape[1:], generator=generator).to(batch.images)
