"""MaxBoxAccV2: the best box at the best threshold. Choe et al. 2020, arXiv:2001.07437.

The box of every connected part at each of a hundred thresholds is wanted. Labelling the parts a hundred
times takes four times as long as this: the map is cut into hills once. Going uphill from a pixel
never goes below it, so the pixels of a hill that are above a threshold hang together, and a part is
made of whole hills, as far as they are above the threshold, joined over the passes between them.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xaibench.api.batch import Batch, Region
from xaibench.api.maps import flat, rescale
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_metrics.annotation import FLAT, UNSEEN, scored

SIDE, THRESHOLDS = 224, 100
LEVELS = (0.3, 0.5, 0.7)

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Whole = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def max_box_acc_v2(maps: Maps, batch: Batch) -> Scored:
    """The share of IoU levels (.3, .5, .7) that some box reaches, with the threshold best for each.

    Of each image alone; the data set's value takes the threshold that is best for all images together,
    which is what the curves are for: the IoU of the best pair of a box around a part of the map and
    a box of the class, at each of the thresholds 0, .01, ..., .99 of the maximum.

    Args:
        maps: (B, H, W), in [0, 1].
        batch: the trials, with their regions.
    """
    resized = F.interpolate(maps[:, None].double(), (SIDE, SIDE), mode="bicubic")[:, 0]
    maps_224 = rescale(resized).cpu().numpy()
    truths = [true_boxes(region) for region in batch.regions]
    why = dict.fromkeys(flat(maps).nonzero().flatten().tolist(), FLAT)
    why |= {i: UNSEEN for i, boxes in enumerate(truths) if not len(boxes)}
    curves = np.zeros((len(maps), THRESHOLDS))
    for i, (saliency, boxes) in enumerate(zip(maps_224, truths, strict=True)):
        if i not in why:
            map_boxes, threshold = boxes_by_threshold(saliency)
            np.maximum.at(curves[i], threshold, inclusive_iou(map_boxes, boxes).max(1))
    kept = torch.from_numpy(curves).to(maps.device, torch.float32)  # as exact as rows keep them
    reached = kept.amax(1, keepdim=True) >= torch.tensor(LEVELS, device=maps.device)
    return scored(reached.double().mean(1), why, kept)


def true_boxes(region: Region) -> Whole:
    """(n, 4): the class's boxes at 224 x 224, corners cut off to whole pixels."""
    boxes: Sequence[object] = region.seen_boxes((SIDE, SIDE))
    return np.array(boxes, dtype=np.float64).reshape(-1, 4).astype(np.int64)


def boxes_by_threshold(saliency: Array) -> tuple[Whole, Whole]:
    """The box of every part at every threshold.

    A pixel is above threshold k where its level of 255 is above int(k / 100 * 255); parts hang together
    by sides and corners.

    Args:
        saliency: (H, W), in [0, 1], both attained.

    Returns:
        (n, 4): x0, y0, x1, y1, the far edges outside, but within the map; and (n,), the threshold of
        each.
    """
    height, width = saliency.shape
    limits = np.arange(THRESHOLDS) * 255 // THRESHOLDS
    # How many thresholds each pixel is above: the first so many.
    above = np.searchsorted(limits, (saliency * 255).astype(np.uint8), side="left")
    top = hills(saliency).ravel()
    tops = np.flatnonzero((top == np.arange(len(top))) & (above.ravel() > 0))
    number = np.zeros(len(top), dtype=np.int64)
    number[tops] = np.arange(len(tops))
    hill = number[top]  # some hill's where the map is above no threshold, which nobody asks about
    places = np.flatnonzero(above)
    extents = extents_of_hills(hill[places], above.ravel()[places], (places % width, places // width))
    edges, heights = passes(hill.reshape(height, width), above, len(tops))
    # A node is a hill at a threshold; hills joined at a threshold are one part of the map at it.
    reach = above.ravel()[tops]
    node_hill, node_threshold = spread(reach)
    first = np.cumsum(reach) - reach
    edge, edge_threshold = spread(heights)
    one, other = (first[ends[edge]] + edge_threshold for ends in edges)
    graph = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(len(node_hill),) * 2)
    count, part = connected_components(graph, directed=False)
    low = np.full((count, 2), max(height, width))
    high = np.zeros((count, 2), dtype=np.int64)
    for axis in (0, 1):
        np.minimum.at(low[:, axis], part, extents[0][axis][node_hill, node_threshold])
        np.maximum.at(high[:, axis], part, extents[1][axis][node_hill, node_threshold])
    threshold = np.zeros(count, dtype=np.int64)
    threshold[part] = node_threshold
    edge_of_map = np.array([width - 1, height - 1])
    return np.concatenate([low, np.minimum(high + 1, edge_of_map)], axis=1), threshold


def hills(saliency: Array) -> Whole:
    """(H, W): the pixel, counted row by row, at which going uphill from each ends.

    A step goes to the highest of a pixel and its eight neighbours, to the last of equals.
    """
    height, width = saliency.shape
    padded = np.pad(saliency, 1, constant_values=-np.inf)
    best = np.full(saliency.shape, -np.inf)
    uphill = np.zeros(saliency.shape, dtype=np.int64)
    own = np.arange(height * width).reshape(height, width)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            neighbour = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
            higher = neighbour >= best
            best = np.where(higher, neighbour, best)
            uphill = np.where(higher, own + dy * width + dx, uphill)
    top = uphill.ravel()
    while not np.array_equal(further := top[top], top):  # twice as far each time
        top = further
    return top.reshape(height, width)


def extents_of_hills(
    hill: Whole, above: Whole, coordinates: tuple[Whole, Whole]
) -> tuple[list[Whole], list[Whole]]:
    """Least and largest x and y of each hill at each threshold, (hills, THRESHOLDS) each."""
    shape = (int(hill.max(initial=-1)) + 1, THRESHOLDS)
    lows, highs = [], []
    for coordinate in coordinates:
        low, high = np.full(shape, np.iinfo(np.int64).max), np.full(shape, -1)
        np.minimum.at(low, (hill, above - 1), coordinate)
        np.maximum.at(high, (hill, above - 1), coordinate)
        # What is above a threshold is above all lower ones.
        lows.append(np.minimum.accumulate(low[:, ::-1], axis=1)[:, ::-1])
        highs.append(np.maximum.accumulate(high[:, ::-1], axis=1)[:, ::-1])
    return lows, highs


def passes(hill: Whole, above: Whole, count: int) -> tuple[tuple[Whole, Whole], Whole]:
    """Pairs of hills that touch, and how many thresholds the highest pass between them is above."""
    height, width = hill.shape
    pairs, heights = [], []
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        here = np.s_[: height - dy, max(0, -dx) : width - max(0, dx)]
        region = np.s_[dy:, max(0, dx) : width + min(0, dx)]
        lower = np.minimum(above[here], above[region])
        touch = (hill[here] != hill[region]) & (lower > 0)
        one, other = hill[here][touch], hill[region][touch]
        pairs.append(np.minimum(one, other) * count + np.maximum(one, other))
        heights.append(lower[touch])
    pair, place = np.unique(np.concatenate(pairs), return_inverse=True)
    highest = np.zeros(len(pair), dtype=np.int64)
    np.maximum.at(highest, place, np.concatenate(heights))
    return (pair // max(count, 1), pair % max(count, 1)), highest


def spread(counts: Whole) -> tuple[Whole, Whole]:
    """Each place so many times as its count says, and 0, 1, ... within each."""
    places = np.repeat(np.arange(len(counts)), counts)
    return places, np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)


def inclusive_iou(map_boxes: Whole, truths: Whole) -> Array:
    """(n, m) IoUs, far edges counted as pixels of the box: the literature's tool does."""
    low = np.maximum(map_boxes[:, None, :2], truths[None, :, :2])
    high = np.minimum(map_boxes[:, None, 2:], truths[None, :, 2:])
    both = np.clip(high - low + 1, 0, None).prod(2)
    sizes = ((boxes[:, 2:] - boxes[:, :2] + 1).prod(1) for boxes in (map_boxes, truths))
    one, other = sizes
    ious: Array = both / (one[:, None] + other[None, :] - both)
    return ious
