"""The needs of an explainer, and which of them a network does not meet."""

from xaibench.api.classifier import Classifier
from xaibench.api.specs import Explainer

OF_EXAMPLES = {"region"}  # what an explainer may need of the data, not of the network


def why_unsupported(explainer: Explainer, classifier: Classifier) -> str:
    """Return which needs of the explainer the classifier does not meet; empty where it meets all."""
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
