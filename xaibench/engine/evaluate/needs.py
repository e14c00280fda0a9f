"""What an explainer needs of a network, and which of it the network lacks."""

from xaibench.api.classifier import Classifier
from xaibench.api.specs import Explainer

OF_EXAMPLES = {"region"}  # what an explainer may need of the data, not of the network


def why_unsupported(explainer: Explainer, classifier: Classifier) -> str:
    """What the explainer needs and the classifier has not; empty where it has all."""
    of_network = [need for need in explainer.needs if need not in OF_EXAMPLES]
    missing = [need for need in of_network if need not in classifier.provides]
    if not missing:
        return ""
    reasons = {
        "linear-head": "its logits are not a linear layer on the mean activations of the target layer",
        "several-layers": "it is looked into at one target layer only",
        **classifier.lacks,
    }
    return "; ".join(reasons.get(need, f"it provides no {need}") for need in missing)
