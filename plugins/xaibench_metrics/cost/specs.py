"""Specifications and conventions of what a map costs: time, passes and memory."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

MEASUREMENT = "none: a measurement"
SPENT = MappingProxyType(
    {"of": "the explainer's own part, the mean of a shard's trials; the shared pass not included"}
)
MEMORY = MappingProxyType(
    {
        "unit": "MiB",
        "of": "an image explained again alone, its shared forward, graph and backward included, the "
        "method's own passes of the run's width",
        "cuda": "peak of the allocator above what it had given out before",
        "cpu": "peak of the tensors that operations return, without what an operation needs within",
    }
)

COST: tuple[Metric, ...] = (
    Metric(
        name="milliseconds",
        at="xaibench_metrics.cost.cost:milliseconds",
        summary="milliseconds that a map took; no forward",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        needs=("explainer",),
        convention=with_choices(
            SPENT, counted="wall clock, forwards in the stream by their share of each pass"
        ),
        citation=MEASUREMENT,
    ),
    Metric(
        name="forwards",
        at="xaibench_metrics.cost.cost:forwards",
        summary="images forwarded that a map took; no forward",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        needs=("explainer",),
        convention=with_choices(SPENT, counted="each image of a pass counts"),
        citation=MEASUREMENT,
    ),
    Metric(
        name="backwards",
        at="xaibench_metrics.cost.cost:backwards",
        summary="backward passes that a map took; no forward",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        needs=("explainer",),
        convention=with_choices(
            SPENT, counted="a pass of several images counts once, shared out among them"
        ),
        citation=MEASUREMENT,
    ),
    Metric(
        name="peak-memory",
        at="xaibench_metrics.cost.cost:peak_memory",
        summary="MiB alive at once while an image is explained alone; explained once more",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        needs=("explainer",),
        convention=MEMORY,
        citation=MEASUREMENT,
    ),
)
