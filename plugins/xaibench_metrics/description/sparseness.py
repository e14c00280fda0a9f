"""How concentrated a map is, wherever: descriptions, by which alone no map is better than another.

Sparseness: Chalasani et al. 2020, arXiv:1810.06583. Complexity: Bhatt et al. 2020, arXiv:2005.00631.
"""

import torch

from xaibench.api.batch import Batch
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_metrics.annotation import FLAT, scored


def sparseness(maps: Maps, batch: Batch) -> Scored:
    """Gini coefficient of the pixels' magnitudes; from 0 to (d - 1) / d, one pixel of d alone."""
    magnitudes = maps.double().abs().flatten(1).sort(dim=1).values
    count = magnitudes.shape[1]
    weights = 2 * torch.arange(1, count + 1, device=maps.device).double() - count - 1
    return scored((magnitudes @ weights) / (count * magnitudes.sum(1)), flat_ones(maps))


def complexity(maps: Maps, batch: Batch) -> Scored:
    """Entropy of the pixels' shares in the map's magnitude, in nats; 0 for one pixel alone to ln d."""
    magnitudes = maps.double().abs().flatten(1)
    shares = magnitudes / magnitudes.sum(1, keepdim=True)
    return scored(-torch.xlogy(shares, shares).sum(1), flat_ones(maps))


def flat_ones(maps: Maps) -> dict[int, str]:
    """Which maps are flat: an empty map is neither sparse nor complex."""
    return dict.fromkeys(flat(maps).nonzero().flatten().tolist(), FLAT)
