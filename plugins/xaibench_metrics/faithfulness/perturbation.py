"""The perturbation test of Chefer et al. 2021, arXiv:2012.09838, section 4."""

import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.faithfulness.black import black
from xaibench_metrics.ranking import descending_rank

LEVELS = (10, 20, 30, 40, 50, 60, 70, 80, 90)  # per cent of the pixels blackened


def positive_perturbation(maps: Maps, batch: Batch) -> Asks[Scored]:
    """How often the target is still predicted with 10 to 90 % blackened, most salient first."""
    return (yield from accuracy(maps, batch, most=True))


def negative_perturbation(maps: Maps, batch: Batch) -> Asks[Scored]:
    """How often the target is still predicted with 10 to 90 % blackened, least salient first."""
    return (yield from accuracy(maps, batch, most=False))


def accuracy(maps: Maps, batch: Batch, most: bool) -> Asks[Scored]:
    """Share of the levels, in [0, 1], at which the target has the highest logit.

    Raises:
        Unsupported: nothing is known of how the images were made, and so not what black is.
    """
    rank, dark = descending_rank(maps, batch), black(batch)
    pixels = rank[0].numel()
    counts = torch.tensor([level * pixels // 100 for level in LEVELS])

    def build(row: int, k: Indices) -> Images:
        count = counts.to(k.device)[k][:, None, None]
        gone = rank[row] < count if most else rank[row] >= pixels - count
        return torch.where(gone[:, None], dark[row], batch.images[row])

    name = f"{'most' if most else 'least'} salient blackened"
    curve = yield Variants(build, count=len(LEVELS), score="correct", name=name)
    return Scored(curve.mean(1), curve)
