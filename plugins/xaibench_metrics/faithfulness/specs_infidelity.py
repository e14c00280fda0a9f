"""Specifications and conventions of infidelity."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

YEH = "Yeh et al. 2019, arXiv:1901.09392"

NOISE = MappingProxyType(
    {
        "noise": "I Gaussian of 0.2 in normalised units, 50 draws, the same for all maps of an image",
        "formula": "mean of (beta <I, map> - (f(x) - f(x - I)))^2, the map the same for all colours",
        "scale": "beta by least squares, as a map has no units",
        "flat map": "undefined",
    }
)

INFIDELITY: tuple[Metric, ...] = (
    Metric(
        name="infidelity",
        at="xaibench_metrics.faithfulness.infidelity:infidelity",
        family="infidelity",
        summary="how far the map is from telling changes of the probability under noise; 50 forwards "
        "an image, shared by all maps",
        settings={"samples": 50, "sigma": 0.2, "score": "probability"},
        higher_is_better=False,
        range=(0.0, inf),
        convention=with_choices(NOISE, score="f is the softmax probability of the target class"),
        citation=YEH,
    ),
    Metric(
        name="infidelity-logit",
        at="xaibench_metrics.faithfulness.infidelity:infidelity",
        family="infidelity",
        summary="how far the map is from telling changes of the logit under noise; 50 forwards an "
        "image, shared by all maps",
        settings={"samples": 50, "sigma": 0.2, "score": "logit"},
        higher_is_better=False,
        range=(0.0, inf),
        convention=with_choices(NOISE, score="f is the logit of the target class"),
        citation=YEH,
    ),
)
