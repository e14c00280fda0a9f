"""How concentrated a map is, by Quantus; no mask and no network is asked."""

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_quantus.calling import by_quantus


def sparseness(maps: Maps, batch: Batch) -> Scored:
    """Gini coefficient of the pixels; Chalasani et al. 2020, arXiv:1810.06583."""
    return by_quantus("Sparseness", maps, batch)


def complexity(maps: Maps, batch: Batch) -> Scored:
    """Entropy of the pixels' shares in the map, in nats; Bhatt et al. 2020, arXiv:2005.00631."""
    return by_quantus("Complexity", maps, batch)


def effective_complexity(maps: Maps, batch: Batch, eps: float = 1e-5) -> Scored:
    """How many pixels are above `eps` of the highest; Nguyen and Martinez 2020, arXiv:2007.07584."""
    return by_quantus("EffectiveComplexity", maps, batch, {"eps": eps})
