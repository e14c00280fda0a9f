"""Specifications and conventions of average drop, increase and gain."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.conventions import with_choices

CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
ZHANG = "Zhang et al. 2023, arXiv:2301.07002"

MULTIPLIED = {
    "map": "upsampled, then min-max to [0, 1]; a flat map is all zeros",
    "masking": "in normalised space: what the map takes away becomes the mean colour",
}
MASKED = MappingProxyType(
    {"score": "softmax probability: Y of the image, O of the image times the map", **MULTIPLIED}
)
ONTO_BLACK = with_choices(
    MASKED,
    masking="in colours of [0, 1], normalised afterwards: what the map takes away becomes black",
)
TOP_HALF = with_choices(
    MASKED,
    top="the half of the pixels with the most saliency keeps it, ties in seeded random order; else 0",
)
DROP = "max(0, Y - O) / Y; undefined where Y is 0"
INCREASE = "1 where O > Y, strictly, else 0"
GAIN = "max(0, O - Y) / (1 - Y); 0 where 1 - Y is below 1e-7"

MASKING: tuple[Metric, ...] = (
    Metric(
        name="average-drop",
        at="xaibench_metrics.faithfulness.masking:average_drop",
        family="masking",
        summary="drop of the target probability on the image times its map; 1 forward a map, shared",
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(MASKED, formula=DROP),
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="average-increase",
        at="xaibench_metrics.faithfulness.masking:average_increase",
        family="masking",
        summary="increase of the target probability on the image times its map; 1 forward a map, shared",
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(MASKED, formula=INCREASE),
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="average-gain",
        at="xaibench_metrics.faithfulness.masking:average_gain",
        family="masking",
        summary="gain of the target probability on the image times its map; 1 forward a map, shared",
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(MASKED, formula=GAIN),
        citation=ZHANG,
    ),
    Metric(
        name="average-drop-black",
        at="xaibench_metrics.faithfulness.masking:average_drop",
        family="masking",
        summary="drop of the target probability on the image times its map, in colours; 1 forward a "
        "map, shared",
        settings={"onto": "black"},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(ONTO_BLACK, formula=DROP),
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="average-increase-black",
        at="xaibench_metrics.faithfulness.masking:average_increase",
        family="masking",
        summary="increase of the target probability on the image times its map, in colours; 1 forward "
        "a map, shared",
        settings={"onto": "black"},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(ONTO_BLACK, formula=INCREASE),
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="average-gain-black",
        at="xaibench_metrics.faithfulness.masking:average_gain",
        family="masking",
        summary="gain of the target probability on the image times its map, in colours; 1 forward a "
        "map, shared",
        settings={"onto": "black"},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(ONTO_BLACK, formula=GAIN),
        citation=ZHANG,
    ),
    Metric(
        name="average-drop-50",
        at="xaibench_metrics.faithfulness.masking:average_drop",
        family="masking",
        summary="drop of the target probability on the image times the top half of its map; 1 forward "
        "a map, shared",
        settings={"keep": 50},
        higher_is_better=False,
        range=(0.0, 1.0),
        convention=with_choices(TOP_HALF, formula=DROP),
        citation="Wang et al. 2020, arXiv:1910.01279",
    ),
    Metric(
        name="average-increase-50",
        at="xaibench_metrics.faithfulness.masking:average_increase",
        family="masking",
        summary="increase of the target probability on the image times the top half of its map; 1 "
        "forward a map, shared",
        settings={"keep": 50},
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=with_choices(TOP_HALF, formula=INCREASE),
        citation="Wang et al. 2020, arXiv:1910.01279",
    ),
)
