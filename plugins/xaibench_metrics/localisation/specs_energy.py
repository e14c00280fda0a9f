"""Specifications and conventions of shares of a map's sum, of its highest pixels and of its area."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.localisation.conventions import CHANCE, COVERED, HALF, UNION_OF_BOXES

ARRAS = "Arras et al. 2022, arXiv:2003.07258"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"

SUM_IN_BOXES = MappingProxyType(
    {
        "map": "at the network's input, min-max to [0, 1]",
        "object": f"{COVERED}: by {UNION_OF_BOXES}",
        "chance": CHANCE,
        "flat map": "undefined",
    }
)
SUM_IN_MASK = MappingProxyType(
    {**SUM_IN_BOXES, "object": f"{COVERED}: by the mask; undefined without one"}
)
HIGHEST_IN_MASK = MappingProxyType(
    {
        "map": "at the network's input; ties in seeded random order",
        "object": f"mask: {HALF}; undefined without one",
        "count": "as many pixels as the mask has",
        "chance": CHANCE,
        "flat map": "undefined",
    }
)
ABOVE_THRESHOLD = MappingProxyType(
    {
        "binary map": "pixels of the network's input above the threshold, after min-max, strictly",
        "object": f"{COVERED}: by {UNION_OF_BOXES}",
        "score": "inside / (box + outside), areas: the IoU of binary map and box",
        "flat map": "undefined",
    }
)

ENERGY: tuple[Metric, ...] = (
    Metric(
        name="energy-pointing-game",
        at="xaibench_metrics.localisation.energy:energy",
        family="energy",
        summary="share of the map's sum inside the boxes of the class",
        settings={"by": "boxes"},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=SUM_IN_BOXES,
        citation="Wang et al. 2020, arXiv:1910.01279",
    ),
    Metric(
        name="relevance-mass",
        at="xaibench_metrics.localisation.energy:energy",
        family="energy",
        summary="share of the map's sum inside the mask of the class",
        settings={"by": "mask"},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=SUM_IN_MASK,
        citation=ARRAS,
    ),
    Metric(
        name="relevance-rank",
        at="xaibench_metrics.localisation.energy:relevance_rank",
        family="energy",
        summary="share of the map's highest pixels, as many as the mask has, that are in it",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=HIGHEST_IN_MASK,
        citation=ARRAS,
    ),
)

MASK_IOU: tuple[Metric, ...] = (
    Metric(
        name="mask-iou-0",
        at="xaibench_metrics.localisation.energy:mask_iou",
        family="mask-overlap",
        summary="IoU of the map's pixels above 0.0 with the boxes of the class",
        settings={"threshold": 0.0},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=ABOVE_THRESHOLD,
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="mask-iou-25",
        at="xaibench_metrics.localisation.energy:mask_iou",
        family="mask-overlap",
        summary="IoU of the map's pixels above 0.25 with the boxes of the class",
        settings={"threshold": 0.25},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=ABOVE_THRESHOLD,
        citation=CHATTOPADHAY,
    ),
    Metric(
        name="mask-iou-50",
        at="xaibench_metrics.localisation.energy:mask_iou",
        family="mask-overlap",
        summary="IoU of the map's pixels above 0.5 with the boxes of the class",
        settings={"threshold": 0.5},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=ABOVE_THRESHOLD,
        citation=CHATTOPADHAY,
    ),
)
