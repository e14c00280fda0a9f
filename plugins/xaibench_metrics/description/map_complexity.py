"""Complexity of a map as ADCC defines it. Poppi et al. 2021, arXiv:2104.10252."""

from xaibench.api.batch import Batch
from xaibench.api.types import Maps, Scores


def map_complexity(maps: Maps, batch: Batch | None = None) -> Scores:
    """Return the mean of each map, which is in [0, 1]; lower is better."""
    return maps.mean((1, 2))
