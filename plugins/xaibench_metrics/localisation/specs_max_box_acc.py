"""Specification and convention of MaxBoxAccV2."""

from types import MappingProxyType

from xaibench.api import Metric

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
        "flat map": "undefined",
    }
)

MAX_BOX_ACC: tuple[Metric, ...] = (
    Metric(
        name="max-box-acc-v2",
        at="xaibench_metrics.localisation.max_box_acc:max_box_acc_v2",
        family="boxes",
        summary="how often some box around the map fits, at the data set's best threshold",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        aggregate="best-threshold",
        convention=MAX_BOX,
        citation="Choe et al. 2020, arXiv:2001.07437",
    ),
)
