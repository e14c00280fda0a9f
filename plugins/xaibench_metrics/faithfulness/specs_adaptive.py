"""Specifications and conventions of insertion and deletion from a subset of their steps."""

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices
from xaibench_metrics.faithfulness.specs_curves import DELETION, INSERTION, PETSIUK

ADAPTIVE: dict[str, str] = {
    "evaluated": "a grid of coarse + 1 steps; then, round by round, the middles of the intervals with "
    "the largest bounds, until the bounds add up to the tolerance at most",
    "area": "trapezoids between the steps evaluated, on [0, 1], both ends included",
    "bound": "of an interval that leaves out m of n steps: m r / n, r how far the range of the four "
    "steps evaluated around it reaches from the mean of its ends; it holds where no step left out "
    "scores beyond those four, as on a monotone curve, and is no bound elsewhere",
    "certain": "of such an interval, whatever its steps score: m max(c, 1 - c) / n, c its ends' mean",
    "row": "steps evaluated, bound and certain bound are its reason; its curve is NaN at other steps",
}

ADAPTIVE_CURVES: tuple[Metric, ...] = (
    Metric(
        name="insertion-adaptive",
        at="xaibench_metrics.faithfulness.adaptive:insertion_adaptive",
        family="insertion-deletion",
        summary="insertion's area to within 0.02, under an assumption, from those of its 224 steps "
        "where the curve bends; 29 to 225 forwards a map",
        settings={"steps": 224, "coarse": 28, "tolerance": 0.02},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(INSERTION, **ADAPTIVE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="deletion-adaptive",
        at="xaibench_metrics.faithfulness.adaptive:deletion_adaptive",
        family="insertion-deletion",
        summary="deletion's area to within 0.02, under an assumption, from those of its 224 steps "
        "where the curve bends; 29 to 225 forwards a map",
        settings={"steps": 224, "coarse": 28, "tolerance": 0.02},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(DELETION, **ADAPTIVE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
)
