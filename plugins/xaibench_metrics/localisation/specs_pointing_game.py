"""Specifications and conventions of the pointing game and its variants."""

from types import MappingProxyType

from xaibench.api import Metric
from xaibench_metrics.localisation.conventions import HALF

FIRST_MAXIMUM = {
    "point": "first maximum of the map at the size of the original image, bilinear",
    "hit": "a pixel of the mask, or else of the boxes, nearer than the tolerance in pixels",
}
POINTING = MappingProxyType({**FIRST_MAXIMUM, "constant map": "a miss"})
PER_CLASS = MappingProxyType(
    {
        **FIRST_MAXIMUM,
        "data set": "mean over the classes of hits / trials; classes without a trial are left out",
        "constant map": "a miss",
    }
)
TIED_PEAK = MappingProxyType(
    {
        "point": "any of the tied maxima of the map at the network's input",
        "hit": f"it is on the object, without a tolerance: {HALF}, by the mask, or else the boxes",
        "flat map": "undefined (Quantus: a hit)",
    }
)

POINTING_GAME: tuple[Metric, ...] = (
    Metric(
        name="pointing-game",
        at="xaibench_metrics.localisation.pointing_game:pointing_game",
        family="pointing",
        summary="1 where the map's peak is on the object, or within 15 pixels of it, else 0",
        settings={"tolerance": 15},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=POINTING,
        citation="Zhang et al. 2016, arXiv:1608.00507; TorchRay's protocol",
    ),
)

POINTING_GAME_VARIANTS: tuple[Metric, ...] = (
    Metric(
        name="pointing-game-per-class",
        at="xaibench_metrics.localisation.pointing_game:pointing_game",
        family="pointing",
        summary="the pointing game, each class counting alike",
        settings={"tolerance": 15},
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        aggregate="class-mean",
        convention=PER_CLASS,
        citation="Zhang et al. 2016, arXiv:1608.00507; TorchRay's protocol",
    ),
    Metric(
        name="quantus-pointing-game",
        at="xaibench_metrics.localisation.energy:tied_peak",
        family="pointing",
        summary="1 where one of the map's tied maxima is on the object, no pixel beside it, else 0",
        higher_is_better=True,
        range=(0.0, 1.0),
        needs=("region",),
        target="label",
        convention=TIED_PEAK,
        citation="Zhang et al. 2016, arXiv:1608.00507; Quantus's convention",
    ),
)
