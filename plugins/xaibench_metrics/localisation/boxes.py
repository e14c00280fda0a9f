"""Boxes around maps. Zhou et al. 2016, arXiv:1512.04150; Selvaraju et al. 2017, arXiv:1610.02391."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage

from xaibench.api.batch import Batch, Box
from xaibench.api.errors import Undefined
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_metrics.annotation import FLAT, UNSEEN, scored

EIGHT = np.ones((3, 3), dtype=bool)  # pixels that touch at a corner belong together

Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


def box_iou(maps: Maps, batch: Batch, share: float = 0.15) -> Scored:
    """IoU of the box around the map's largest part with the best box of the class, in [0, 1].

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials, with their regions.
        share: pixels above this share of the maximum count.
    """
    size = maps.shape[1:]
    truths = [region.seen_boxes(size) for region in batch.regions]
    above = (maps > share * maps.amax((1, 2), keepdim=True)).cpu().numpy()
    best = [
        max((iou(box_of_largest(part), truth) for truth in boxes), default=0.0)
        for part, boxes in zip(above, truths, strict=True)
    ]
    why = dict.fromkeys(flat(maps).nonzero().flatten().tolist(), FLAT)
    why |= {i: UNSEEN for i, boxes in enumerate(truths) if not boxes}
    return scored(torch.tensor(best, dtype=torch.double, device=maps.device), why)


def localisation_error(
    maps: Maps, batch: Batch, share: float = 0.15, least: float = 0.5, known: bool = False
) -> Scored:
    """0 where the box around the map fits and the network is right, else 1.

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials, with their regions and predictions.
        share: as in `box_iou`.
        least: IoU of a box that fits.
        known: whether the network's prediction does not matter, since the class is known.

    Raises:
        Undefined: the batch does not say what the network predicts.
    """
    overlaps = box_iou(maps, batch, share)
    right = overlaps.scores >= least
    if not known:
        if batch.predicted is None:
            raise Undefined("it is not known which class the network predicts")
        right &= (batch.predicted == batch.targets).to(right.device)
    return scored((~right).double(), overlaps.undefined)


def box_of_largest(above: Mask) -> Box:
    """The tight box of the largest part (by pixels; the first of equals); an empty one of none."""
    parts, count = ndimage.label(above, EIGHT)
    if count == 0:
        return (0.0, 0.0, 0.0, 0.0)
    largest = int(np.bincount(parts.ravel())[1:].argmax())
    rows, columns = ndimage.find_objects(parts)[largest]
    return (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, whose far edges are outside."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (area(one) + area(other) - both)


def area(box: Sequence[float]) -> float:
    """Of a box, in pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])
