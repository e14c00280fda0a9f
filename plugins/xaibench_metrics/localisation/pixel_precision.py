"""Pixel average precision (PxAP). Choe et al. 2020, arXiv:2001.07437."""

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Maps, Scores
from xaibench_metrics.annotation import covered, scored, why_undefined


def pixel_average_precision(maps: Maps, batch: Batch, bins: int = 256) -> Scored:
    """Area under the precision and recall of finding the object's pixels by the map, in [0, 1].

    Of each image alone; the data set's value pools the pixels of all, which is what the curves are
    for: how much of the mask, then of the rest, is in each bin of saliency, ascending. A pixel that the
    mask covers in part counts in part for either.

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials, with their masks.
        bins: of saliency, equally wide; the maximum is in the last.
    """
    shares = covered(maps, batch, "mask")
    place = (maps.double() * bins).long().clamp(0, bins - 1).flatten(1)
    weights = shares.flatten(1)
    object_ = weights.new_zeros(len(maps), bins).scatter_add_(1, place, weights)
    rest = weights.new_zeros(len(maps), bins).scatter_add_(1, place, 1 - weights)
    why = why_undefined(maps, batch, shares, "mask")
    return scored(average_precision(object_, rest), why, torch.cat([object_, rest], dim=1))


def average_precision(object_: Tensor, rest: Tensor) -> Scores:
    """Sum over the bins (B, n), from the highest, of precision times gained recall; in [0, 1]."""
    object_, rest = object_.flip(1), rest.flip(1)
    on_object = object_.cumsum(1)
    precision = on_object / (on_object + rest.cumsum(1)).masked_fill(on_object == 0, 1)
    ap: Scores = (precision * object_).sum(1) / on_object[:, -1]
    return ap
