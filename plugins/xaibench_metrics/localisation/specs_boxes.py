"""Specifications and conventions of box IoU and localisation errors."""

from types import MappingProxyType

from xaibench.api import Metric

SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
ZHOU = "Zhou et al. 2016, arXiv:1512.04150"

BOX = MappingProxyType(
    {
        "binary map": "pixels of the network's input above this share of the maximum, strictly",
        "box": "tight around the largest part by pixels, sides and corners connected",
        "truth": "the best box, or else the mask's extent; what the network does not see cut off",
        "IoU": "of areas, far edges outside",
        "flat map": "undefined",
    }
)
ERROR = MappingProxyType(
    {**BOX, "right": "IoU at least 0.5, and the network predicts the class (top-1)"}
)
KNOWN_ERROR = MappingProxyType({**BOX, "right": "IoU at least 0.5, whatever the network predicts"})

BOXES: tuple[Metric, ...] = (
    Metric(
        name="box-iou",
        at="xaibench_metrics.localisation.boxes:box_iou",
        family="boxes",
        summary="IoU of the box around the map above 15% of its maximum with the best box of the class",
        settings={"share": 0.15},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=BOX,
        citation=SELVARAJU,
    ),
    Metric(
        name="localisation-error",
        at="xaibench_metrics.localisation.boxes:localisation_error",
        family="boxes",
        summary="1 unless the box around the map above 15% of its maximum reaches IoU 0.5 and the "
        "network is right",
        settings={"share": 0.15, "known": False},
        higher_is_better=False,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=ERROR,
        citation=SELVARAJU,
    ),
    Metric(
        name="localisation-error-known",
        at="xaibench_metrics.localisation.boxes:localisation_error",
        family="boxes",
        summary="1 unless the box around the map above 15% of its maximum reaches IoU 0.5",
        settings={"share": 0.15, "known": True},
        higher_is_better=False,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=KNOWN_ERROR,
        citation=SELVARAJU,
    ),
    Metric(
        name="box-iou-20",
        at="xaibench_metrics.localisation.boxes:box_iou",
        family="boxes",
        summary="IoU of the box around the map above 20% of its maximum with the best box of the class",
        settings={"share": 0.2},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=BOX,
        citation=ZHOU,
    ),
    Metric(
        name="localisation-error-20",
        at="xaibench_metrics.localisation.boxes:localisation_error",
        family="boxes",
        summary="1 unless the box around the map above 20% of its maximum reaches IoU 0.5 and the "
        "network is right",
        settings={"share": 0.2, "known": False},
        higher_is_better=False,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=ERROR,
        citation=ZHOU,
    ),
    Metric(
        name="localisation-error-known-20",
        at="xaibench_metrics.localisation.boxes:localisation_error",
        family="boxes",
        summary="1 unless the box around the map above 20% of its maximum reaches IoU 0.5",
        settings={"share": 0.2, "known": True},
        higher_is_better=False,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=KNOWN_ERROR,
        citation=ZHOU,
    ),
)
