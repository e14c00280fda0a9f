"""The metrics that come with xaibench."""

from types import MappingProxyType

from xaibench.api import Metric, hookimpl
from xaibench_metrics.specs_asking import of_costs, of_explainers
from xaibench_metrics.specs_localisation import LOCALISATION

PETSIUK = "Petsiuk et al. 2018, arXiv:1806.07421"
CURVE = {
    "score": "softmax probability of the target class",
    "order": "pixels by saliency, descending, all colours together; ties in seeded random order",
    "step": "ceil(H * W / steps) pixels, the last step what is left",
    "area": "trapezoids on [0, 1], both ends included",
}
DELETION = MappingProxyType({**CURVE, "from": "image", "to": "zeros in normalised space (grey)"})
INSERTION = MappingProxyType(
    {
        **CURVE,
        "from": "image blurred in normalised space, 11 x 11, sigma 5 reflected in the window",
        "to": "image",
    }
)
POINTING = MappingProxyType(
    {
        "point": "first maximum of the map at the size of the original image, bilinear",
        "hit": "a pixel of the mask, or else of the boxes, nearer than the tolerance in pixels",
        "constant map": "a miss",
    }
)


@hookimpl
def xaibench_metrics() -> list[Metric]:
    """Insertion and deletion in RISE's protocol and in a coarser preset; where maps are."""
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
            )
            for name, verb, convention in (
                ("insertion", "revealed", INSERTION),
                ("deletion", "greyed out", DELETION),
            )
            for suffix, steps in (("", 224), ("-28", 28))
        ),
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
