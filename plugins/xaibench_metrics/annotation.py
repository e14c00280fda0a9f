"""Where the target class is in the network's input, found once for all metrics that ask."""

from collections.abc import Mapping, MutableMapping
from typing import Literal

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from xaibench.api.batch import Batch, Region
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Curves, Maps, Scores

By = Literal["region", "mask", "boxes"]

FLAT = "the map is flat"
NO_MASK = "no mask of the target class"
UNSEEN = "the network sees nothing of the target class"
TOO_SMALL = "the target class covers half of no pixel of the network's input"

_COVERED: MutableMapping[Batch, dict[tuple[object, ...], Tensor]] = WeakIdKeyDictionary()


def covered(maps: Maps, batch: Batch, by: By) -> Tensor:
    """(B, H, W), float64: share of each pixel that the class covers.

    It is remembered for as long as the batch is alive; nobody writes to it.

    Args:
        maps: of whose pixels.
        batch: the trials.
        by: the mask; the boxes, or else the mask's extent; or the region, which is the mask, or else
            the boxes.
    """
    known = _COVERED.setdefault(batch, {})
    size = tuple(maps.shape[1:])
    if (by, size) not in known:
        shares = [as_told(region, by).covered(size) for region in batch.regions]
        known[by, size] = torch.stack(shares)
    return known[by, size].to(maps.device)


def as_told(region: Region, by: By) -> Region:
    """The region as its mask alone, or its boxes alone, tells it."""
    if by == "mask":
        return Region(region.size, region.frame, (), region.mask)
    if by == "boxes":
        return Region(region.size, region.frame, region.boxed)
    return region


def at_least_half(shares: Tensor) -> Tensor:
    """(B, H, W) of bool: the pixels of which at least half is covered."""
    return shares >= 0.5


def why_undefined(maps: Maps, batch: Batch, visible: Tensor, by: By) -> dict[int, str]:
    """Why trials have no score, by their place in the batch.

    Args:
        maps: flat ones say nothing.
        batch: the trials.
        visible: (B, H, W), the pixels counted as the class, or the share of each.
        by: what was asked for.
    """
    why = dict.fromkeys(flat(maps).nonzero().flatten().tolist(), FLAT)
    for i in (~visible.flatten(1).any(1)).nonzero().flatten().tolist():
        if by == "mask" and batch.regions[i].mask is None:
            why[i] = NO_MASK
        elif visible.dtype == torch.bool and covered(maps, batch, by)[i].any():
            why[i] = TOO_SMALL
        else:
            why[i] = UNSEEN
    return why


def scored(scores: Scores, why: Mapping[int, str], curves: Curves | None = None) -> Scored:
    """Scores, NaN where `why` says that there is none."""
    gone = torch.tensor(sorted(why), dtype=torch.long, device=scores.device)
    return Scored(scores.index_fill(0, gone, torch.nan), curves, why)
