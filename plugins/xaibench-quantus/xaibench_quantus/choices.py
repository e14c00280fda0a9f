"""What Quantus is told, and what the numbers mean by it; neither Quantus nor torch in here."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

# By the name of Quantus's class: how it is made, beside what a function here works out from the image.
# They are its own defaults, but for aggregates: every image is a row.
TOLD: Mapping[str, Mapping[str, bool | float | str]] = {
    "Sparseness": {"abs": True, "normalise": True},
    "Complexity": {"abs": True, "normalise": True},
    "EffectiveComplexity": {"abs": True, "normalise": True},
    "PointingGame": {"abs": False, "normalise": True, "weighted": False},
    "AttributionLocalisation": {
        "abs": True,
        "normalise": True,
        "weighted": False,
        "max_size": 1.0,
        "positive_attributions": False,
    },
    "TopKIntersection": {"abs": False, "normalise": True, "concept_influence": False},
    "RelevanceMassAccuracy": {"abs": False, "normalise": True},
    "RelevanceRankAccuracy": {"abs": False, "normalise": True},
    "AUC": {"abs": False, "normalise": True},
    "PixelFlipping": {"abs": False, "normalise": True, "perturb_baseline": "black"},
    "RegionPerturbation": {
        "abs": False,
        "normalise": True,
        "perturb_baseline": "black",
        "order": "morf",
    },
    "Selectivity": {"abs": False, "normalise": True, "perturb_baseline": "black"},
    "FaithfulnessCorrelation": {"abs": False, "normalise": True, "perturb_baseline": "black"},
    "FaithfulnessEstimate": {"abs": False, "normalise": True, "perturb_baseline": "black"},
    "MonotonicityCorrelation": {
        "abs": True,
        "normalise": True,
        "perturb_baseline": "uniform",
        "eps": 1e-5,
    },
}
# Those that ask the network: whether they watch probabilities, or else logits; Quantus's defaults too.
SOFTMAX: Mapping[str, bool] = {
    "PixelFlipping": True,
    "RegionPerturbation": True,
    "Selectivity": True,
    "FaithfulnessCorrelation": False,
    "FaithfulnessEstimate": False,
    "MonotonicityCorrelation": True,
}


def convention(kind: str, **choices: str) -> Mapping[str, str]:
    """What a score of the class `kind` means, choice by choice; `choices` has more of them."""
    settings = ", ".join(f"{name}={value}" for name, value in TOLD[kind].items())
    watched = {"score": "softmax probability" if SOFTMAX[kind] else "logit"} if kind in SOFTMAX else {}
    return {
        "computed by": f"{release()}, its class {kind}, image by image",
        "settings": settings,
        "map": "at the network's input, min-max to [0, 1], float64",
        **watched,
        **choices,
        "flat map": "undefined",
    }


def release() -> str:
    """Quantus and its version, as it is installed."""
    try:
        return f"Quantus {version('quantus')}"
    except PackageNotFoundError:
        return "Quantus, which is not installed"
