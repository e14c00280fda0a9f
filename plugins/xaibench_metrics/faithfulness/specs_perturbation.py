"""Specifications and conventions of Chefer's perturbation test."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

CHEFER = "Chefer et al. 2021, arXiv:2012.09838"

BLACKENED = MappingProxyType(
    {
        "score": "1 where the target has the highest logit, else 0: top-1 accuracy for the label",
        "levels": "mean over 10, 20, ... 90 % of the pixels, rounded down",
        "order": "by saliency, all colours together; ties in seeded random order",
        "to": "black: 0 in colours of [0, 1], normalised afterwards",
        "target": "the label, which is explained and has to be predicted",
    }
)

PERTURBATION: tuple[Metric, ...] = (
    Metric(
        name="positive-perturbation",
        at="xaibench_metrics.faithfulness.perturbation:positive_perturbation",
        family="removal",
        summary="accuracy as pixels are blackened, most salient first; 9 forwards a map",
        higher_is_better=False,
        range=(0.0, 1.0),
        target="label",
        convention=with_choices(BLACKENED, first="most salient first"),
        citation=CHEFER,
        traits=("order-only",),
    ),
    Metric(
        name="negative-perturbation",
        at="xaibench_metrics.faithfulness.perturbation:negative_perturbation",
        family="removal",
        summary="accuracy as pixels are blackened, least salient first; 9 forwards a map",
        higher_is_better=True,
        range=(0.0, 1.0),
        target="label",
        convention=with_choices(BLACKENED, first="least salient first"),
        citation=CHEFER,
        traits=("order-only",),
    ),
)
