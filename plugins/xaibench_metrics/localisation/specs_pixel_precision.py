"""Specification and convention of pixel average precision."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.localisation.conventions import COVERED

PIXEL_AP = MappingProxyType(
    {
        "map": "at the network's input, min-max, in 256 bins",
        "object": f"{COVERED}: by the mask; undefined without one",
        "area": "sum over bins, from the highest, of precision times gained recall",
        "score": "of the image alone",
        "data set": "of the pixels of all images together",
        "flat map": "undefined",
    }
)

PIXEL_PRECISION: tuple[Metric, ...] = (
    Metric(
        name="pixel-average-precision",
        at="xaibench_metrics.localisation.pixel_precision:pixel_average_precision",
        family="mask-overlap",
        summary="area under precision and recall of finding the mask's pixels, pooled over the data set",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        aggregate="average-precision",
        convention=PIXEL_AP,
        citation="Choe et al. 2020, arXiv:2001.07437",
    ),
)
