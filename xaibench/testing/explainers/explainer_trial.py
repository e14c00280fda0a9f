"""An explainer on one network, as clauses try it."""

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.errors import Unsupported
from xaibench.api.specs import Explainer
from xaibench.engine.evaluate.needs import why_unsupported
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.testing.common.tiny_networks import MakeClassifier

WIDTH = 7  # images in a pass


@dataclass(frozen=True)
class ExplainerTrial:
    """An explainer on one network.

    Args:
        spec: the explainer.
        make: makes the network.
        batch: what is explained.
    """

    spec: Explainer
    make: MakeClassifier
    batch: Batch

    def maps(self, batch: Batch | None = None, classifier: Classifier | None = None) -> Any:
        """What it returns for a batch, on a network of its own."""
        capture = Capture(classifier or self.make(), batch or self.batch)
        return explained(self.spec, capture)

    @cached_property
    def usual(self) -> Any:
        """What it returns for the batch, made once."""
        return self.maps()

    def applies(self) -> str:
        """Why it does not apply to the network; empty where it does."""
        reason = why_unsupported(self.spec, self.make())
        if reason:
            return reason
        try:
            self.usual  # noqa: B018 (may raise)
        except Unsupported as unsupported:
            return str(unsupported) or "unsupported"
        except Exception:  # a plugin's: the clauses tell of it
            return ""
        return ""


def explained(spec: Explainer, capture: Capture, stream: Stream | None = None) -> Any:
    """What an explainer returns, at once or after the forwards that it asks for."""
    returned = spec.load()(capture)
    if not isinstance(returned, Generator):
        return returned
    stream = stream or Stream(capture.classifier.logits, WIDTH)
    (answer,) = stream.drive([Task(returned, capture.batch)])
    if answer.error is not None:
        raise answer.error
    return answer.value
