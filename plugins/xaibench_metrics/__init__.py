"""The metrics that come with xaibench."""

from types import MappingProxyType

from xaibench.api import Metric, hookimpl
from xaibench_metrics.conventions import DELETION, INSERTION, PETSIUK
from xaibench_metrics.specs_asking import of_costs, of_explainers
from xaibench_metrics.specs_faithfulness import faithfulness
from xaibench_metrics.specs_localisation import LOCALISATION

POINTING = MappingProxyType(
    {
        "point": "first maximum of the map at the size of the original image, bilinear",
        "hit": "a pixel of the mask, or else of the boxes, nearer than the tolerance in pixels",
        "constant map": "a miss",
    }
)


@hookimpl
def xaibench_metrics() -> list[Metric]:
    """What changes the image and watches, what asks where the map is, or asks the explainer; costs."""
    return [
        *(
            Metric(
                name=f"{name}{suffix}",
                at=f"xaibench_metrics.insertion_deletion:{name}",
                summary=f"area under the target probability, most salient pixels {verb} first; "
                f"{steps + 1} forwards a map",
                settings={"steps": steps},
                higher_is_better=name == "insertion",
                range=(0.0, 1.0),
                convention=convention,
                citation=PETSIUK,
                traits=("order-only",),
            )
            for name, verb, convention in (
                ("insertion", "revealed", INSERTION),
                ("deletion", "greyed out", DELETION),
            )
            for suffix, steps in (("", 224), ("-28", 28))
        ),
        *faithfulness(),
        Metric(
            name="pointing-game",
            at="xaibench_metrics.pointing_game:pointing_game",
            summary="1 where the map's peak is on the object, or within 15 pixels of it, else 0",
            settings={"tolerance": 15},
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=POINTING,
            citation="Zhang et al. 2016, arXiv:1608.00507; TorchRay's protocol",
        ),
        *LOCALISATION,
        *of_explainers(),
        *of_costs(),
    ]
