"""ADCC and its parts: coherency, complexity, average drop. Poppi et al. 2021, arXiv:2104.10252."""

from dataclasses import replace

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.scored import Scored
from xaibench.api.types import Maps, Scores
from xaibench.api.variants import Asks
from xaibench_metrics.description.map_complexity import map_complexity
from xaibench_metrics.faithfulness.masking import image_times_map
from xaibench_metrics.similarity import pearson


def adcc(maps: Maps, batch: Batch, explainer: Explaining) -> Asks[Scored]:
    """Harmonic mean of coherency, 1 - complexity and 1 - average drop; 0 where one of them is 0."""
    curve = yield image_times_map(maps, batch)
    whole, explained = curve.unbind(1)
    drop = (whole - explained).clamp(min=0) / whole
    parts = torch.stack([coherency(maps, batch, explainer), 1 - map_complexity(maps), 1 - drop], 1)
    undefined = {
        row: "the target's probability is 0" for row in (whole == 0).nonzero().flatten().tolist()
    }
    return Scored(harmonic_mean(parts), undefined=undefined)


def coherency(maps: Maps, batch: Batch, explainer: Explaining) -> Scores:
    """How much the map of the image times its map is like it: (Pearson + 1) / 2; 0 where one is flat."""
    again = explainer.maps(replace(batch, images=batch.images * maps[:, None].to(batch.images)))
    return ((pearson(maps, again) + 1) / 2).nan_to_num(0).to(maps)


def harmonic_mean(parts: Tensor) -> Scores:
    """Of each row of numbers in [0, 1], (B, n)."""
    return parts.shape[1] / (1 / parts).sum(1)  # 1 / 0 is infinite, and its mean is 0
