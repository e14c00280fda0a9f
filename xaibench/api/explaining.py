"""The explainer whose maps are scored, for metrics that must ask it again."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.api.types import Images, Logits, Maps


@dataclass(frozen=True)
class Cost:
    """What an explainer took for a trial, on average, the shared pass not included; NaN where not known.

    Args:
        ms: milliseconds.
        forwards, backwards: passes of its own, counted in images.
    """

    ms: float
    forwards: float
    backwards: float


@runtime_checkable  # so that checkers of types at run time can ask
class Explaining(Protocol):
    """An explainer on a model. A metric that `needs` "explainer" is given one as third argument.

    Args:
        name: of the explainer.
        classifier: the model that it explains, as it was loaded: no batch norm folded away.
        cost: what its maps took.
    """

    name: str
    classifier: Classifier
    cost: Cost

    def maps(self, batch: Batch, classifier: Classifier | None = None) -> Maps:
        """Its maps of other images, of other classes, or of another network; (B, H, W) in [0, 1].

        They are upsampled and rescaled as those that are scored; constant ones are all zeros. The
        forwards and backwards made count as the metric's.

        Args:
            batch: the trials.
            classifier: whose target classes are explained; the model's own where not given.

        Raises:
            XaibenchError: the explainer failed, does not apply, or a trial has no map.
        """

    def logits(self, images: Images) -> Logits:
        """Class scores by the model's own network, (B, C); the forwards count as the metric's."""
