"""How much of a map's energy, or of its highest pixels, lies on the object.

Energy-based pointing game: Wang et al. 2020, arXiv:1910.01279. Relevance mass and rank accuracy: Arras
et al. 2022, arXiv:2003.07258.
"""

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_metrics.annotation import By, at_least_half, covered, scored, why_undefined
from xaibench_metrics.ranking import descending_rank


def energy(maps: Maps, batch: Batch, by: By) -> Scored:
    """Share of the map's sum that lies on the object, in [0, 1].

    Its curve is one number: the share of the image that the object covers, which is what a map that
    knows nothing scores.

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials, with their regions.
        by: "boxes" or "mask".
    """
    shares, weights = covered(maps, batch, by), maps.double()
    inside = (weights * shares).sum((1, 2)) / weights.sum((1, 2))
    chance = shares.mean((1, 2))[:, None]
    return scored(inside, why_undefined(maps, batch, shares, by), chance)


def relevance_rank(maps: Maps, batch: Batch) -> Scored:
    """Share of the K highest pixels that are in the mask, K being the pixels of the mask; in [0, 1].

    Its curve is the share of the image that the mask covers: a random ranking's score.
    """
    mask = at_least_half(covered(maps, batch, "mask"))
    count = mask.sum((1, 2))
    highest = descending_rank(maps, batch) < count[:, None, None]
    shares = (highest & mask).sum((1, 2)).double() / count
    chance = mask.double().mean((1, 2))[:, None]
    return scored(shares, why_undefined(maps, batch, mask, "mask"), chance)


def mask_iou(maps: Maps, batch: Batch, threshold: float) -> Scored:
    """IoU of the pixels above a threshold with the boxes, in [0, 1]: Grad-CAM++'s Loc.

    Chattopadhay et al. 2018 (arXiv:1710.11063) write it |inside| / (|box| + |outside|).
    """
    shares = covered(maps, batch, "boxes")
    above = (maps > threshold).double()
    inside = (above * shares).sum((1, 2))
    together = shares.sum((1, 2)) + above.sum((1, 2)) - inside
    return scored(inside / together, why_undefined(maps, batch, shares, "boxes"))


def tied_peak(maps: Maps, batch: Batch) -> Scored:
    """1 where one of the map's highest pixels is on the object, else 0: Quantus's pointing game."""
    on = at_least_half(covered(maps, batch, "region"))
    peak = maps == maps.amax((1, 2), keepdim=True)
    return scored((peak & on).flatten(1).any(1).double(), why_undefined(maps, batch, on, "region"))
