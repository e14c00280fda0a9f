"""Specifications and conventions of ADCC and coherency."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.description.specs import MEAN_OF_MAP

POPPI = "Poppi et al. 2021, arXiv:2104.10252"

COHERENCY = MappingProxyType(
    {
        "again": "the map of the masked image, same class; normalised image times the map in [0, 1]: "
        "what is removed becomes the mean colour",
        "coherency": "(Pearson's correlation over the pixels + 1) / 2; 0 where one of the maps is "
        "constant",
    }
)
HARMONIC_MEAN = MappingProxyType(
    {
        **COHERENCY,
        **MEAN_OF_MAP,
        "drop": "max(0, Y - O) / Y of softmax probabilities, O of the masked image; undefined at Y = 0",
        "score": "harmonic mean of coherency, 1 - complexity, 1 - drop; 0 where one of them is 0",
    }
)

ADCC: tuple[Metric, ...] = (
    Metric(
        name="adcc",
        at="xaibench_metrics.faithfulness.adcc:adcc",
        family="masking",
        summary="coherency, simplicity and a small average drop in one; 1 forward a map, and explained "
        "once more",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("explainer",),
        convention=HARMONIC_MEAN,
        citation=POPPI,
    ),
    Metric(
        name="coherency",
        at="xaibench_metrics.faithfulness.adcc:coherency",
        family="masking",
        summary="how alike the map of the image times its map is; explained once more",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("explainer",),
        convention=COHERENCY,
        citation=POPPI,
    ),
)
