"""What the network says of an image multiplied by its map: average drop, increase and gain.

Drop and increase: Chattopadhay et al. 2018, arXiv:1710.11063, eq. 25 and below. Gain: Zhang et al. 2023,
arXiv:2301.07002. Keeping the top half of the map: Wang et al. 2020, arXiv:1910.01279.
"""

import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Curves, Images, Indices, Maps
from xaibench.api.variants import Asks, Score, Variants
from xaibench_metrics.faithfulness.black import black
from xaibench_metrics.ranking import descending_rank

CERTAIN = 1e-7  # what an image's probability may fall short of 1 and leave nothing to gain
NO_CHANCE = "the image's own probability is 0: there is nothing to drop from"


def average_drop(maps: Maps, batch: Batch, keep: int = 100, onto: str = "grey") -> Asks[Scored]:
    """max(0, Y - O) / Y, in [0, 1]: Y the image's target probability, O that of image times map.

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials.
        keep: per cent of the pixels, the most salient, whose map is kept; the others' is 0.
        onto: what the image fades into: "grey", the mean colour, or "black".
    """
    scored = yield from confidences(maps, batch, keep, onto)
    whole, masked = scored.unbind(1)
    zero = whole == 0
    drops = ((whole - masked).relu() / whole).masked_fill(zero, torch.nan)
    return Scored(drops, scored, dict.fromkeys(zero.nonzero().flatten().tolist(), NO_CHANCE))


def average_increase(maps: Maps, batch: Batch, keep: int = 100, onto: str = "grey") -> Asks[Scored]:
    """1 where the target is more probable of image times map than of the image, strictly; else 0."""
    scored = yield from confidences(maps, batch, keep, onto)
    return Scored((scored[:, 1] > scored[:, 0]).to(scored), scored)


def average_gain(maps: Maps, batch: Batch, keep: int = 100, onto: str = "grey") -> Asks[Scored]:
    """max(0, O - Y) / (1 - Y), in [0, 1]; 0 where Y is within 1e-7 of 1: nothing is left to gain."""
    scored = yield from confidences(maps, batch, keep, onto)
    whole, masked = scored.unbind(1)
    left = 1 - whole
    gains = (masked - whole).relu() / left.clamp(min=CERTAIN)
    return Scored(gains.masked_fill(left < CERTAIN, 0).clamp(max=1), scored)


def plain_drop(maps: Maps, batch: Batch, score: Score = "probability") -> Asks[Scored]:
    """max(0, Y - O), as pytorch-grad-cam has it: not divided by Y, of whatever score is asked for."""
    scored = yield from confidences(maps, batch, score=score)
    return Scored((scored[:, 0] - scored[:, 1]).relu(), scored)


def damped_drop(maps: Maps, batch: Batch, score: Score = "probability") -> Asks[Scored]:
    """max(0, Y - O) / (Y + 1e-7), as torch-cam has it."""
    scored = yield from confidences(maps, batch, score=score)
    return Scored((scored[:, 0] - scored[:, 1]).relu() / (scored[:, 0] + 1e-7), scored)


def confidences(
    maps: Maps, batch: Batch, keep: int = 100, onto: str = "grey", score: Score = "probability"
) -> Asks[Curves]:
    """(B, 2): the target's score on the image, and on the image times the map."""
    return (yield image_times_map(maps, batch, keep, onto, score))


def image_times_map(
    maps: Maps, batch: Batch, keep: int = 100, onto: str = "grey", score: Score = "probability"
) -> Variants:
    """The image, and the image times the map: metrics that ask for the same share one forward."""
    kept = maps
    if keep < 100:
        least = maps[0].numel() * keep // 100
        kept = maps * (descending_rank(maps, batch) < least)
    ground = black(batch) if onto == "black" else None

    def build(row: int, k: Indices) -> Images:
        image, weight = batch.images[row], kept[row].to(batch.images)
        masked = image * weight
        if ground is not None:
            masked = masked + ground[row] * (1 - weight)
        return torch.where((k == 0)[:, None, None, None], image, masked)

    name = "image times map"
    name += f", top {keep} %" if keep < 100 else ""
    name += f", onto {onto}" if onto != "grey" else ""
    return Variants(build, count=2, score=score, common={0: "image"}, name=name)
