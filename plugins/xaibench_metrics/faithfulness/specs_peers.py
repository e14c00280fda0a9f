"""Specifications and conventions of presets that follow other libraries."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices
from xaibench_metrics.faithfulness.specs_masking import INCREASE, MASKED, MULTIPLIED
from xaibench_metrics.faithfulness.specs_road import REMOVAL

GILDENBLAT = "Gildenblat and contributors, pytorch-grad-cam"
FERNANDEZ = "Fernandez, torch-cam"

PROBABILITY_DROP = with_choices(MULTIPLIED, score="target's probability", formula="max(0, Y - O)")
LOGIT_DROP = with_choices(MULTIPLIED, score="target's logit", formula="max(0, Y - O)")
PERCENTILES = with_choices(
    REMOVAL,
    levels="what is not below the map's percentiles 10, 20, ... 90 goes, ties together",
    order="none: pixels of one value go together; where all do, the mean colour is left",
)
FLIPPING = MappingProxyType(
    {
        "score": "softmax probability of the target class",
        "order": "values by the saliency of their pixel, descending; ties, such as a pixel's colours, "
        "as numpy.argsort leaves them",
        "from": "the image after the first step; the untouched image is not on the curve",
        "to": "the least value that the normalised image has anywhere",
        "step": "1,024 values, of three a pixel (features_in_step; the library's default is 1)",
        "area": "trapezoids of width 1 a step: it grows with the number of steps",
    }
)

PEERS: tuple[Metric, ...] = (
    Metric(
        name="pytorch-grad-cam-drop",
        at="xaibench_metrics.faithfulness.masking:plain_drop",
        family="masking",
        summary="its DropInConfidence on the probability: not divided by it; 1 forward a map",
        settings={"score": "probability"},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=PROBABILITY_DROP,
        citation=GILDENBLAT,
    ),
    Metric(
        name="pytorch-grad-cam-drop-logit",
        at="xaibench_metrics.faithfulness.masking:plain_drop",
        family="masking",
        summary="its DropInConfidence on the logit: not divided by it; 1 forward a map",
        settings={"score": "logit"},
        higher_is_better=False,
        range=(0.0, inf),
        convention=LOGIT_DROP,
        citation=GILDENBLAT,
    ),
    Metric(
        name="pytorch-grad-cam-road",
        at="xaibench_metrics.faithfulness.road:percentile_road",
        family="removal",
        summary="its ROADCombined: thresholds instead of counts of pixels; 18 forwards a map",
        settings={"noise": 0.01},
        higher_is_better=True,
        range=(-0.5, 0.5),
        convention=PERCENTILES,
        citation=GILDENBLAT,
    ),
    Metric(
        name="torchcam-average-drop",
        at="xaibench_metrics.faithfulness.masking:damped_drop",
        family="masking",
        summary="its drop, of softmax probabilities; 1 forward a map, shared",
        settings={"score": "probability"},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(MASKED, formula="max(0, Y - O) / (Y + 1e-7)"),
        citation=FERNANDEZ,
    ),
    Metric(
        name="torchcam-average-increase",
        at="xaibench_metrics.faithfulness.masking:average_increase",
        family="masking",
        summary="its increase, of softmax probabilities; 1 forward a map, shared",
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(MASKED, formula=INCREASE),
        citation=FERNANDEZ,
    ),
    Metric(
        name="quantus-pixel-flipping",
        at="xaibench_metrics.faithfulness.pixel_flipping:pixel_flipping",
        family="removal",
        summary="its PixelFlipping, area not normalised, 1,024 values a step; 147 forwards a map at "
        "224 x 224",
        settings={"features": 1024},
        higher_is_better=False,
        range=(0.0, inf),
        convention=FLIPPING,
        citation="Hedstroem et al. 2023, arXiv:2202.06861; Bach et al. 2015, PLOS ONE 10(7)",
        traits=("order-only",),
    ),
)
