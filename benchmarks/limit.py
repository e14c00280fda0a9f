"""The limit that a stage is held against: time of a plain float32 forward at the best pass width."""

from statistics import fmean, median
from time import perf_counter

import torch

from xaibench.api.classifier import Classifier

WIDTHS = (1, 2, 4, 8, 16)
TRIED, SUSTAINED = 5, 2.0  # passes of each width; seconds of the best


class Limit:
    """Time that a plain forward takes for one image, measured again whenever it is asked for.

    A machine's speed drifts, so each stage is held against what was measured right before and after it.
    It is the mean of some seconds of passes, as a stage's time is made of many: the luckiest pass of a
    few would be less than any work can sustain.
    """

    def __init__(self, classifier: Classifier) -> None:
        assert classifier.preprocess is not None
        self.classifier = classifier
        size = classifier.preprocess.size
        self.images = torch.randn(max(WIDTHS), 3, *size, generator=torch.Generator().manual_seed(0))
        self._seconds(1)  # to warm up
        tried = {width: median(self._seconds(width) for _ in range(TRIED)) for width in WIDTHS}
        self.width = min(tried, key=tried.__getitem__)

    def forward(self) -> float:
        """Seconds for one image at the width where that is least."""
        taken: list[float] = []
        while sum(taken) * self.width < SUSTAINED:
            taken.append(self._seconds(self.width))
        return fmean(taken)

    def around(self, before: float) -> float:
        """The same over a stage that began when it was `before` and ends now."""
        return fmean((before, self.forward()))

    def _seconds(self, width: int) -> float:
        """For an image."""
        began = perf_counter()
        self.classifier.logits(self.images[:width])
        return (perf_counter() - began) / width
