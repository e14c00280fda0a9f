"""Specifications and conventions of tests that an explanation depends on image, weights and class."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

ADEBAYO = "Adebayo et al. 2018, arXiv:1810.03292"

SENSITIVITY = MappingProxyType(
    {
        "change": "Frobenius norm of the change of the map in [0, 1], over that of the map",
        "samples": "10, uniform in a box of radius 0.02 of the normalised image, drawn for each image",
        "score": "largest change; undefined where the map is constant",
        "randomness": "what the explainer draws itself, it draws the same again",
    }
)
RANKS = "Spearman's correlation over the pixels of the maps in [0, 1], equal pixels sharing their rank"
CASCADE = MappingProxyType(
    {
        "similarity": RANKS,
        "stages": "cumulative, from the logits down; at most 10: the module that makes the logits, then "
        "the modules with a weight of two dimensions or more, each with the norms after it, dealt out "
        "evenly",
        "weights": "each module's own reset_parameters, on the CPU, seeded by the run's seed and its "
        "path; what has none or is left as it was: normal with the mean and standard deviation it had",
        "batch norms": "weights drawn anew, running statistics kept",
        "network": "a copy of the network as it was loaded, no batch norm folded away",
        "score": "mean over the stages but for those where the map is constant; undefined where all are",
    }
)
CASCADE_SSIM = with_choices(
    CASCADE, similarity="SSIM of maps in [0, 1], Gaussian window of 11 pixels and sigma 1.5"
)
CASCADE_LIVE = with_choices(
    CASCADE,
    **{
        "batch norms": "weights drawn anew, running statistics measured on 16 images of white noise, so "
        "that the image still reaches the logits"
    },
)
OTHER_CLASS = MappingProxyType(
    {"similarity": RANKS, "class": "any other, drawn for each image", "flat": "undefined"}
)
LEAST_LIKELY_CLASS = with_choices(OTHER_CLASS, **{"class": "that of the smallest logit"})

SANITY: tuple[Metric, ...] = (
    Metric(
        name="max-sensitivity",
        at="xaibench_metrics.sanity.max_sensitivity:max_sensitivity",
        family="stability",
        summary="largest change of the map when the image changes a little; explained 10 times more",
        settings={"samples": 10, "radius": 0.02},
        higher_is_better=False,
        range=(0.0, inf),
        needs=("explainer",),
        convention=SENSITIVITY,
        citation="Yeh et al. 2019, arXiv:1901.09392",
    ),
    Metric(
        name="parameter-randomisation",
        at="xaibench_metrics.sanity.randomisation:parameter_randomisation",
        family="randomisation",
        summary="rank correlation with the map of the network as its weights are drawn anew; explained "
        "up to 10 times more",
        settings={"stages": 10},
        higher_is_better=False,
        range=(-1.0, 1.0),
        needs=("explainer",),
        convention=CASCADE,
        citation=ADEBAYO,
    ),
    Metric(
        name="parameter-randomisation-ssim",
        at="xaibench_metrics.sanity.randomisation:parameter_randomisation",
        family="randomisation",
        summary="SSIM with the map of the network as its weights are drawn anew; explained up to 10 "
        "times more",
        settings={"stages": 10, "similarity": "ssim"},
        higher_is_better=False,
        range=(-1.0, 1.0),
        needs=("explainer",),
        convention=CASCADE_SSIM,
        citation=ADEBAYO,
    ),
    Metric(
        name="parameter-randomisation-live",
        at="xaibench_metrics.sanity.randomisation:parameter_randomisation",
        family="randomisation",
        summary="rank correlation with the map of the network as its weights are drawn anew; explained "
        "up to 10 times more",
        settings={"stages": 10, "statistics": "measured"},
        higher_is_better=False,
        range=(-1.0, 1.0),
        needs=("explainer",),
        convention=CASCADE_LIVE,
        citation=ADEBAYO,
    ),
    Metric(
        name="random-logit",
        at="xaibench_metrics.sanity.randomisation:random_logit",
        family="randomisation",
        summary="rank correlation with the map of another class; 1 forward a batch, and explained once "
        "more",
        higher_is_better=False,
        range=(-1.0, 1.0),
        needs=("explainer",),
        convention=OTHER_CLASS,
        citation="Sixt et al. 2020, arXiv:1912.09818",
    ),
    Metric(
        name="class-sensitivity",
        at="xaibench_metrics.sanity.randomisation:class_sensitivity",
        family="randomisation",
        summary="rank correlation with the map of the least likely class; 1 forward a map, and "
        "explained once more",
        higher_is_better=False,
        range=(-1.0, 1.0),
        needs=("explainer",),
        convention=LEAST_LIKELY_CLASS,
        citation="after Adebayo et al. 2018, arXiv:1810.03292",
    ),
)
