"""The order of a map's pixels, drawn up once for all metrics that follow it."""

from collections.abc import MutableMapping

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from xaibench.api.batch import Batch
from xaibench.api.types import Maps

_RANKS: MutableMapping[Maps, dict[tuple[object, ...], Tensor]] = WeakIdKeyDictionary()


def descending_rank(maps: Maps, batch: Batch) -> Tensor:
    """(B, H, W) of int: 0 for the most salient pixel; ties in an order drawn once for each image.

    It is remembered for as long as these very maps are alive; nobody writes to them or to it.
    """
    known = _RANKS.setdefault(maps, {})
    drawn_by = (maps._version, batch.ids, batch.seeds)
    if drawn_by not in known:
        known[drawn_by] = _rank(maps, batch)
    return known[drawn_by]


def _rank(maps: Maps, batch: Batch) -> Tensor:
    flat = maps.flatten(1)
    shuffled = torch.stack(
        [torch.randperm(flat.shape[1], generator=g) for g in batch.generators("ties")]
    ).to(maps.device)
    order = flat.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    order = shuffled.gather(1, order)
    places = torch.arange(flat.shape[1], dtype=torch.int32, device=maps.device).expand_as(order)
    return torch.empty_like(places).scatter_(1, order, places).view_as(maps)
