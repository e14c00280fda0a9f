"""The limit that a stage is held against: time of a plain float32 forward at the best pass width."""

from time import perf_counter

import torch

from xaibench.api.classifier import Classifier

WIDTHS = (1, 2, 4, 8, 16)


class Limit:
    """Time that a plain forward takes for one image, measured again whenever it is asked for.

    A machine's speed drifts, so each stage is held against what was measured right before and after it.
    """

    def __init__(self, classifier: Classifier) -> None:
        assert classifier.preprocess is not None
        self.classifier = classifier
        self.images = torch.zeros(max(WIDTHS), 3, *classifier.preprocess.size)

    def forward(self) -> float:
        """Seconds for one image at the width where that is least, the best of two passes each."""
        return min(self._seconds(width) / width for width in WIDTHS for _ in range(2))

    def _seconds(self, width: int) -> float:
        began = perf_counter()
        self.classifier.logits(self.images[:width])
        return perf_counter() - began
