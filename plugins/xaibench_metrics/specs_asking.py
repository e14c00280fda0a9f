"""Metrics that ask the explainer again, and what maps cost."""

from math import inf
from types import MappingProxyType

from xaibench.api import Metric

POPPI = "Poppi et al. 2021, arXiv:2104.10252"
MASKED = "normalised image times the map in [0, 1]: what is removed becomes the mean colour"
COHERENCY = {
    "again": f"the map of the masked image, same class; {MASKED}",
    "coherency": "(Pearson's correlation over the pixels + 1) / 2; 0 where one of the maps is constant",
}
COMPLEXITY = {"complexity": "mean of the map in [0, 1]; 0 for a constant one, which is all zeros"}
ADCC = MappingProxyType(
    {
        **COHERENCY,
        **COMPLEXITY,
        "drop": "max(0, Y - O) / Y of softmax probabilities, O of the masked image; undefined at Y = 0",
        "score": "harmonic mean of coherency, 1 - complexity, 1 - drop; 0 where one of them is 0",
    }
)
SENSITIVITY = MappingProxyType(
    {
        "change": "Frobenius norm of the change of the map in [0, 1], over that of the map",
        "samples": "10, uniform in a box of radius 0.02 of the normalised image, drawn for each image",
        "score": "largest change; undefined where the map is constant",
        "randomness": "what the explainer draws itself, it draws the same again",
    }
)
RANKS = "Spearman's correlation over the pixels of the maps in [0, 1], equal pixels sharing their rank"
CASCADE = {
    "similarity": RANKS,
    "stages": "cumulative, from the logits down; at most 10: the module that makes the logits, then the "
    "modules with a weight of two dimensions or more, each with the norms after it, dealt out evenly",
    "weights": "each module's own reset_parameters, on the CPU, seeded by the run's seed and its path; "
    "what has none or is left as it was: normal with the mean and standard deviation it had",
    "batch norms": "weights drawn anew, running statistics kept",
    "network": "a copy of the network as it was loaded, no batch norm folded away",
    "score": "mean over the stages but for those where the map is constant; undefined where all are",
}
CASCADES = {
    "parameter-randomisation": ("rank correlation", CASCADE, {}),
    "parameter-randomisation-ssim": (
        "SSIM",
        {**CASCADE, "similarity": "SSIM of maps in [0, 1], Gaussian window of 11 pixels and sigma 1.5"},
        {"similarity": "ssim"},
    ),
    "parameter-randomisation-live": (
        "rank correlation",
        {
            **CASCADE,
            "batch norms": "weights drawn anew, running statistics measured on 16 images of white "
            "noise, so that the image still reaches the logits",
        },
        {"statistics": "measured"},
    ),
}
SPENT = {"of": "the explainer's own part, the mean of a shard's trials; the shared pass not included"}
COSTS = {
    "milliseconds": ("milliseconds", "wall clock, forwards in the stream by their share of each pass"),
    "forwards": ("images forwarded", "each image of a pass counts"),
    "backwards": ("backward passes", "a pass of several images counts once, shared out among them"),
}
MEMORY = MappingProxyType(
    {
        "unit": "MiB",
        "of": "an image explained again alone, its shared forward, graph and backward included, the "
        "method's own passes of the run's width",
        "cuda": "peak of the allocator above what it had given out before",
        "cpu": "peak of the tensors that operations return, without what an operation needs within",
    }
)
ADEBAYO = "Adebayo et al. 2018, arXiv:1810.03292"


def of_explainers() -> list[Metric]:
    """Metrics that ask the explainer about other images, classes or weights."""
    again = ("explainer",)
    return [
        Metric(
            name="adcc",
            at="xaibench_metrics.adcc:adcc",
            summary="coherency, simplicity and a small average drop in one; 1 forward a map, and "
            "explained once more",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=again,
            convention=ADCC,
            citation=POPPI,
        ),
        Metric(
            name="coherency",
            at="xaibench_metrics.adcc:coherency",
            summary="how alike the map of the image times its map is; explained once more",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=again,
            convention=MappingProxyType(COHERENCY),
            citation=POPPI,
        ),
        Metric(
            name="map-complexity",
            at="xaibench_metrics.adcc:complexity",
            summary="mean of the map; no forward",
            ranks=False,
            higher_is_better=False,
            range=(0.0, 1.0),
            convention=MappingProxyType(COMPLEXITY),
            citation=POPPI,
        ),
        Metric(
            name="max-sensitivity",
            at="xaibench_metrics.max_sensitivity:max_sensitivity",
            summary="largest change of the map when the image changes a little; explained 10 times more",
            settings={"samples": 10, "radius": 0.02},
            higher_is_better=False,
            range=(0.0, inf),
            needs=again,
            convention=SENSITIVITY,
            citation="Yeh et al. 2019, arXiv:1901.09392",
        ),
        *(
            Metric(
                name=name,
                at="xaibench_metrics.randomisation:parameter_randomisation",
                summary=f"{measure} with the map of the network as its weights are drawn anew; "
                "explained up to 10 times more",
                settings={"stages": 10, **settings},
                higher_is_better=False,
                range=(-1.0, 1.0),
                needs=again,
                convention=MappingProxyType(convention),
                citation=ADEBAYO,
            )
            for name, (measure, convention, settings) in CASCADES.items()
        ),
        Metric(
            name="random-logit",
            at="xaibench_metrics.randomisation:random_logit",
            summary="rank correlation with the map of another class; 1 forward a batch, and "
            "explained once more",
            higher_is_better=False,
            range=(-1.0, 1.0),
            needs=again,
            convention=MappingProxyType(
                {"similarity": RANKS, "class": "any other, drawn for each image", "flat": "undefined"}
            ),
            citation="Sixt et al. 2020, arXiv:1912.09818",
        ),
        Metric(
            name="class-sensitivity",
            at="xaibench_metrics.randomisation:class_sensitivity",
            summary="rank correlation with the map of the least likely class; 1 forward a map, and "
            "explained once more",
            higher_is_better=False,
            range=(-1.0, 1.0),
            needs=again,
            convention=MappingProxyType(
                {"similarity": RANKS, "class": "that of the smallest logit", "flat": "undefined"}
            ),
            citation=f"after {ADEBAYO}",
        ),
    ]


def of_costs() -> list[Metric]:
    """What a map took."""
    return [
        *(
            Metric(
                name=name,
                at=f"xaibench_metrics.cost:{name}",
                summary=f"{what} that a map took; no forward",
                ranks=False,
                higher_is_better=False,
                range=(0.0, inf),
                needs=("explainer",),
                convention=MappingProxyType({**SPENT, "counted": how}),
                citation="none: a measurement",
            )
            for name, (what, how) in COSTS.items()
        ),
        Metric(
            name="peak-memory",
            at="xaibench_metrics.cost:peak_memory",
            summary="MiB alive at once while an image is explained alone; explained once more",
            ranks=False,
            higher_is_better=False,
            range=(0.0, inf),
            needs=("explainer",),
            convention=MEMORY,
            citation="none: a measurement",
        ),
    ]
