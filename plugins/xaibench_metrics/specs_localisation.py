"""The metrics that ask where the map is, and how concentrated: names and conventions, as data."""

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Any

from xaibench.api import Metric

FLAT = "undefined"
COVERED = "exact share of each pixel of the network's input that is covered"
HALF = "pixels of the network's input of which at least half is covered"
BOXES = "the union of the boxes, or else of the mask's extent"
CHANCE = "the share of the image that is covered, kept as the curve"

ENERGY = MappingProxyType(
    {
        "map": "at the network's input, min-max to [0, 1]",
        "object": f"{COVERED}: by {BOXES}",
        "chance": CHANCE,
        "flat map": FLAT,
    }
)
MASS = MappingProxyType({**ENERGY, "object": f"{COVERED}: by the mask; undefined without one"})
RANK = MappingProxyType(
    {
        "map": "at the network's input; ties in seeded random order",
        "object": f"mask: {HALF}; undefined without one",
        "count": "as many pixels as the mask has",
        "chance": CHANCE,
        "flat map": FLAT,
    }
)
TIED_PEAK = MappingProxyType(
    {
        "point": "any of the tied maxima of the map at the network's input",
        "hit": f"it is on the object, without a tolerance: {HALF}, by the mask, or else the boxes",
        "flat map": "undefined (Quantus: a hit)",
    }
)
BOX = MappingProxyType(
    {
        "binary map": "pixels of the network's input above this share of the maximum, strictly",
        "box": "tight around the largest part by pixels, sides and corners connected",
        "truth": "the best box, or else the mask's extent; what the network does not see cut off",
        "IoU": "of areas, far edges outside",
        "flat map": FLAT,
    }
)
ERROR = MappingProxyType(
    {**BOX, "right": "IoU at least 0.5, and the network predicts the class (top-1)"}
)
KNOWN_ERROR = MappingProxyType({**BOX, "right": "IoU at least 0.5, whatever the network predicts"})
MAX_BOX = MappingProxyType(
    {
        "map": "at the network's input, bicubic to 224 x 224, min-max, cut off to 255 levels",
        "thresholds": "0, .01, ..., .99; levels above int(threshold * 255), strictly",
        "boxes": "around all parts, sides and corners connected; far edge x + w, at most 223",
        "truth": "all boxes, or else the mask's extent; what the network does not see cut off; corners "
        "cut off to whole pixels of 224",
        "IoU": "far edges inclusive: + 1",
        "score": "share of the IoU levels .3, .5, .7 reached at the image's best threshold",
        "data set": "accuracy at the best threshold of all images for each IoU level, then the mean",
        "flat map": FLAT,
    }
)
PIXEL_AP = MappingProxyType(
    {
        "map": "at the network's input, min-max, in 256 bins",
        "object": f"{COVERED}: by the mask; undefined without one",
        "area": "sum over bins, from the highest, of precision times gained recall",
        "score": "of the image alone",
        "data set": "of the pixels of all images together",
        "flat map": FLAT,
    }
)
MASK_IOU = MappingProxyType(
    {
        "binary map": "pixels of the network's input above the threshold, after min-max, strictly",
        "object": f"{COVERED}: by {BOXES}",
        "score": "inside / (box + outside), areas: the IoU of binary map and box",
        "flat map": FLAT,
    }
)
PER_CLASS = MappingProxyType(
    {
        "point": "first maximum of the map at the size of the original image, bilinear",
        "hit": "a pixel of the mask, or else of the boxes, nearer than the tolerance in pixels",
        "data set": "mean over the classes of hits / trials; classes without a trial are left out",
        "constant map": "a miss",
    }
)
SPARSE = MappingProxyType(
    {"map": "at the network's input, min-max, magnitudes", "flat map": FLAT, "direction": "descriptive"}
)

WANG = "Wang et al. 2020, arXiv:1910.01279"
ARRAS = "Arras et al. 2022, arXiv:2003.07258"
CHOE = "Choe et al. 2020, arXiv:2001.07437"
ZHANG = "Zhang et al. 2016, arXiv:1608.00507"
SELVARAJU = "Selvaraju et al. 2017, arXiv:1610.02391"
ZHOU = "Zhou et al. 2016, arXiv:1512.04150"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"


def located(name: str, at: str, convention: Mapping[str, str], citation: str, **facts: Any) -> Metric:
    """A metric of where the target class is, from 0 to 1, higher is better unless told otherwise."""
    return Metric(
        **{
            "name": name,
            "at": f"xaibench_metrics.{at}",
            "higher_is_better": True,
            "range": (0.0, 1.0),
            "needs": ("region",),
            "target": "label",
            "convention": convention,
            "citation": citation,
            **facts,
        }
    )


def boxed(suffix: str, share: float, citation: str) -> list[Metric]:
    """IoU and localisation errors of the box around what is above a share of the maximum."""
    above = f"box around the map above {share:.0%} of its maximum"
    errors = (("localisation-error", False, ERROR), ("localisation-error-known", True, KNOWN_ERROR))
    return [
        located(
            f"box-iou{suffix}",
            "boxes:box_iou",
            BOX,
            citation,
            summary=f"IoU of the {above} with the best box of the class",
            settings={"share": share},
        ),
        *(
            located(
                f"{name}{suffix}",
                "boxes:localisation_error",
                convention,
                citation,
                summary=f"1 unless the {above} reaches IoU 0.5"
                + ("" if known else " and the network is right"),
                settings={"share": share, "known": known},
                higher_is_better=False,
            )
            for name, known, convention in errors
        ),
    ]


LOCALISATION = [
    located(
        "energy-pointing-game",
        "energy:energy",
        ENERGY,
        WANG,
        summary="share of the map's sum inside the boxes of the class",
        settings={"by": "boxes"},
    ),
    located(
        "relevance-mass",
        "energy:energy",
        MASS,
        ARRAS,
        summary="share of the map's sum inside the mask of the class",
        settings={"by": "mask"},
    ),
    located(
        "relevance-rank",
        "energy:relevance_rank",
        RANK,
        ARRAS,
        summary="share of the map's highest pixels, as many as the mask has, that are in it",
    ),
    *boxed("", 0.15, SELVARAJU),
    *boxed("-20", 0.2, ZHOU),
    located(
        "max-box-acc-v2",
        "max_box_acc:max_box_acc_v2",
        MAX_BOX,
        CHOE,
        summary="how often some box around the map fits, at the data set's best threshold",
        aggregate="best-threshold",
    ),
    located(
        "pixel-average-precision",
        "pixel_precision:pixel_average_precision",
        PIXEL_AP,
        CHOE,
        summary="area under precision and recall of finding the mask's pixels, pooled over the data set",
        aggregate="average-precision",
    ),
    *(
        located(
            f"mask-iou-{round(100 * threshold)}",
            "energy:mask_iou",
            MASK_IOU,
            CHATTOPADHAY,
            summary=f"IoU of the map's pixels above {threshold} with the boxes of the class",
            settings={"threshold": threshold},
        )
        for threshold in (0.0, 0.25, 0.5)
    ),
    located(
        "pointing-game-per-class",
        "pointing_game:pointing_game",
        PER_CLASS,
        f"{ZHANG}; TorchRay's protocol",
        summary="the pointing game, each class counting alike",
        settings={"tolerance": 15},
        aggregate="class-mean",
    ),
    located(
        "quantus-pointing-game",
        "energy:tied_peak",
        TIED_PEAK,
        f"{ZHANG}; Quantus's convention",
        summary="1 where one of the map's tied maxima is on the object, no pixel beside it, else 0",
    ),
    Metric(
        name="sparseness",
        at="xaibench_metrics.sparseness:sparseness",
        summary="Gini coefficient of the map's pixels; describes, and does not rank",
        ranks=False,
        higher_is_better=True,
        range=(0.0, 1.0),
        convention=SPARSE,
        citation="Chalasani et al. 2020, arXiv:1810.06583",
    ),
    Metric(
        name="complexity",
        at="xaibench_metrics.sparseness:complexity",
        summary="entropy of the map's pixels, in nats; describes, and does not rank",
        ranks=False,
        higher_is_better=False,
        range=(0.0, inf),
        convention=MappingProxyType({**SPARSE, "logarithm": "natural; at most ln of the pixels"}),
        citation="Bhatt et al. 2020, arXiv:2005.00631",
    ),
]
