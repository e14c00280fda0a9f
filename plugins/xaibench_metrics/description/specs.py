"""Specifications and conventions of metrics that describe a map and do not rank explainers."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

SPARSE = MappingProxyType(
    {
        "map": "at the network's input, min-max, magnitudes",
        "flat map": "undefined",
        "direction": "descriptive",
    }
)
MEAN_OF_MAP = MappingProxyType(
    {"complexity": "mean of the map in [0, 1]; 0 for a constant one, which is all zeros"}
)

SPARSENESS: tuple[Metric, ...] = (
    Metric(
        name="sparseness",
        at="xaibench_metrics.description.sparseness:sparseness",
        summary="Gini coefficient of the map's pixels; describes, and does not rank",
        ranks=False,
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=SPARSE,
        citation="Chalasani et al. 2020, arXiv:1810.06583",
    ),
    Metric(
        name="complexity",
        at="xaibench_metrics.description.sparseness:complexity",
        summary="entropy of the map's pixels, in nats; describes, and does not rank",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        convention=with_choices(SPARSE, logarithm="natural; at most ln of the pixels"),
        citation="Bhatt et al. 2020, arXiv:2005.00631",
    ),
)

MAP_COMPLEXITY: tuple[Metric, ...] = (
    Metric(
        name="map-complexity",
        at="xaibench_metrics.description.map_complexity:map_complexity",
        summary="mean of the map; no forward",
        ranks=False,
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=MEAN_OF_MAP,
        citation="Poppi et al. 2021, arXiv:2104.10252",
    ),
)
