"""Specifications and conventions of insertion, deletion and the metrics derived from both."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

PETSIUK = "Petsiuk et al. 2018, arXiv:1806.07421"

CURVE = MappingProxyType(
    {
        "score": "softmax probability of the target class",
        "order": "pixels by saliency, descending, all colours together; ties in seeded random order",
        "step": "ceil(H * W / steps) pixels, the last step what is left",
        "area": "trapezoids on [0, 1], both ends included",
    }
)
DELETION = with_choices(CURVE, **{"from": "image", "to": "zeros in normalised space (grey)"})
INSERTION = with_choices(
    CURVE,
    **{"from": "image blurred in normalised space, 11 x 11, sigma 5 reflected in the window"},
    to="image",
)
CELLS: dict[str, str] = {
    "order": "cells of a grid by mean saliency, descending; ties in seeded random order",
    "grid": "14 x 14, or as many as there are pixels; pixel y of H lies in cell floor(14 y / H)",
    "step": "one cell",
}
SHARE: dict[str, str] = {
    "normalised": "(area - foot) / (top - foot); top: of the image, foot: of the curve's other end; "
    "beyond 0 and 1 where the curve leaves its ends' range, reversed where the foot is above the top",
    "same ends": "undefined, where they are within 1e-6 of the larger",
}
DIFFERENCE = with_choices(CURVE, difference="insertion minus deletion, each by its convention")
INSERTION_FROM_GREY = with_choices(INSERTION, **{"from": "zeros in normalised space (grey)"})

CURVES: tuple[Metric, ...] = (
    Metric(
        name="insertion",
        at="xaibench_metrics.faithfulness.curves:insertion",
        family="insertion-deletion",
        summary="area under the target probability, most salient pixels revealed first; 225 forwards a "
        "map",
        settings={"steps": 224},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=INSERTION,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-28",
        at="xaibench_metrics.faithfulness.curves:insertion",
        family="insertion-deletion",
        summary="area under the target probability, most salient pixels revealed first; 29 forwards a "
        "map",
        settings={"steps": 28},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=INSERTION,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="deletion",
        at="xaibench_metrics.faithfulness.curves:deletion",
        family="insertion-deletion",
        summary="area under the target probability, most salient pixels greyed out first; 225 forwards "
        "a map",
        settings={"steps": 224},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=DELETION,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="deletion-28",
        at="xaibench_metrics.faithfulness.curves:deletion",
        family="insertion-deletion",
        summary="area under the target probability, most salient pixels greyed out first; 29 forwards "
        "a map",
        settings={"steps": 28},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=DELETION,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-deletion",
        at="xaibench_metrics.faithfulness.curves:insertion_deletion",
        family="insertion-deletion",
        summary="insertion's area minus deletion's; no forwards but those two's, 450 a map",
        settings={"steps": 224},
        higher_is_better=True,
        range=(-1.0, 1.0),
        convention=DIFFERENCE,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-normalised",
        at="xaibench_metrics.faithfulness.curves:insertion_normalised",
        family="insertion-deletion",
        summary="insertion's area between its two ends; 225 forwards a map, shared",
        settings={"steps": 224},
        higher_is_better=True,
        range=(-inf, inf),
        convention=with_choices(INSERTION, **SHARE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="deletion-normalised",
        at="xaibench_metrics.faithfulness.curves:deletion_normalised",
        family="insertion-deletion",
        summary="deletion's area between its two ends; 225 forwards a map, shared",
        settings={"steps": 224},
        higher_is_better=False,
        range=(-inf, inf),
        convention=with_choices(DELETION, **SHARE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-deletion-28",
        at="xaibench_metrics.faithfulness.curves:insertion_deletion",
        family="insertion-deletion",
        summary="insertion's area minus deletion's; no forwards but those two's, 58 a map",
        settings={"steps": 28},
        higher_is_better=True,
        range=(-1.0, 1.0),
        convention=DIFFERENCE,
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-normalised-28",
        at="xaibench_metrics.faithfulness.curves:insertion_normalised",
        family="insertion-deletion",
        summary="insertion's area between its two ends; 29 forwards a map, shared",
        settings={"steps": 28},
        higher_is_better=True,
        range=(-inf, inf),
        convention=with_choices(INSERTION, **SHARE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="deletion-normalised-28",
        at="xaibench_metrics.faithfulness.curves:deletion_normalised",
        family="insertion-deletion",
        summary="deletion's area between its two ends; 29 forwards a map, shared",
        settings={"steps": 28},
        higher_is_better=False,
        range=(-inf, inf),
        convention=with_choices(DELETION, **SHARE),
        citation=PETSIUK,
        traits=("order-only",),
    ),
    Metric(
        name="insertion-grid",
        at="xaibench_metrics.faithfulness.curves:insertion",
        family="insertion-deletion",
        summary="the same by cells of 14 x 14 rather than pixels; 197 forwards a map",
        settings={"steps": 196, "grid": 14},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(INSERTION, **CELLS),
        citation=PETSIUK,
    ),
    Metric(
        name="insertion-1pc",
        at="xaibench_metrics.faithfulness.curves:insertion",
        family="insertion-deletion",
        summary="Score-CAM's variant, 1 % a step, between zeros and image; 101 forwards a map",
        settings={"steps": 100, "start": "grey"},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=INSERTION_FROM_GREY,
        citation="Wang et al. 2020, arXiv:1910.01279",
        traits=("order-only",),
    ),
    Metric(
        name="deletion-grid",
        at="xaibench_metrics.faithfulness.curves:deletion",
        family="insertion-deletion",
        summary="the same by cells of 14 x 14 rather than pixels; 197 forwards a map",
        settings={"steps": 196, "grid": 14},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(DELETION, **CELLS),
        citation=PETSIUK,
    ),
    Metric(
        name="deletion-1pc",
        at="xaibench_metrics.faithfulness.curves:deletion",
        family="insertion-deletion",
        summary="Score-CAM's variant, 1 % a step, between zeros and image; 101 forwards a map",
        settings={"steps": 100},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=DELETION,
        citation="Wang et al. 2020, arXiv:1910.01279",
        traits=("order-only",),
    ),
)
