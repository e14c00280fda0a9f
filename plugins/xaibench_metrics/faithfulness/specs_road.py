"""Specifications and conventions of MoRF, LeRF and ROAD."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

RONG = "Rong et al. 2022, arXiv:2202.00449"

REMOVAL = MappingProxyType(
    {
        "score": "softmax probability of the target class, mean over the levels",
        "levels": "10, 20, ... 90 % of the pixels, rounded to the nearest pixel; one at least stays",
        "order": "by saliency, all colours together; ties in seeded random order",
        "imputation": "a removed pixel is the mean of its 8 neighbours, 1/6 straight and 1/12 diagonal, "
        "those outside left out: the linear system, solved for each colour",
        "noise": "Gaussian of 0.01 in normalised units on removed pixels, drawn once for each image",
    }
)

ROAD: tuple[Metric, ...] = (
    Metric(
        name="morf",
        at="xaibench_metrics.faithfulness.road:morf",
        family="removal",
        summary="target probability as pixels are removed and filled in, most relevant first; 9 "
        "forwards a map",
        settings={"noise": 0.01},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(REMOVAL, formula="most relevant first"),
        citation=RONG,
        traits=("order-only",),
    ),
    Metric(
        name="lerf",
        at="xaibench_metrics.faithfulness.road:lerf",
        family="removal",
        summary="target probability as pixels are removed and filled in, least relevant first; 9 "
        "forwards a map",
        settings={"noise": 0.01},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(REMOVAL, formula="least relevant first"),
        citation=RONG,
        traits=("order-only",),
    ),
    Metric(
        name="road",
        at="xaibench_metrics.faithfulness.road:road",
        family="removal",
        summary="target probability as pixels are removed and filled in, (LeRF - MoRF) / 2; no "
        "forwards but theirs, 18 a map",
        settings={"noise": 0.01},
        higher_is_better=True,
        range=(-0.5, 0.5),
        convention=with_choices(REMOVAL, formula="(LeRF - MoRF) / 2"),
        citation=RONG,
        traits=("order-only",),
    ),
)
