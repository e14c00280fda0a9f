"""A metric on some maps, as clauses try it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from xaibench.api.batch import Batch, Preprocess, Region
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.scored import Scored
from xaibench.api.specs import Explainer, Metric
from xaibench.api.types import GridMaps, Images, Logits, Maps
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.testing.common.tiny_networks import CLASSES, a_batch, drawn, pooled_network

WIDTH = 64
SIZE = (16, 12)  # height, width: what metrics cost grows with the pixels
PREPROCESS = Preprocess(SIZE, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))
OBJECT = (slice(4, 10), slice(2, 8))  # rows and columns of what `Spotting` looks at


def evidence(capture: Capture) -> GridMaps:
    """Activations times gradients: an explainer for metrics that ask one again."""
    return (capture.activations * capture.gradients).sum(1)


EVIDENCE = Explainer(name="evidence", at="xaibench.testing.metrics.metric_trial:evidence")


class Spotting(nn.Module):
    """Its logit of class 0 is how bright the object is; the image elsewhere changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Identity()

    def forward(self, images: Images) -> Logits:
        """(B, 3, H, W) to (B, 4)."""
        brightness = self.out(images)[:, :, *OBJECT].mean((1, 2, 3))
        return torch.stack([4 * brightness, *[torch.zeros_like(brightness)] * (CLASSES - 1)], 1)


def spotting() -> Classifier:
    """A classifier of which everybody knows where it looks."""
    network = Spotting()
    return Classifier(network, (TargetLayer("out", network.out),), PREPROCESS)


def spotted() -> tuple[Batch, Maps, Maps]:
    """Images with a bright object, a map of just that, and the map of all but that.

    Neither has ties, so that ranks are what is asked about and not how ties are broken.
    """
    generator = torch.Generator().manual_seed(3)
    colours = 0.2 * torch.rand(3, 3, *SIZE, dtype=torch.double, generator=generator)
    colours[:, :, *OBJECT] += 0.7
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[OBJECT] = True
    height, width = SIZE
    rows, columns = OBJECT
    box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
    region = Region((width, height), (0, 0, width, height), (box,), mask)
    zeros = torch.zeros(3, dtype=torch.long)
    batch = Batch(
        ("a", "b", "c"),
        PREPROCESS.normalised(colours),
        zeros,
        (7, 8, 9),
        (region,) * 3,
        PREPROCESS,
        zeros,
    )
    draws = torch.rand(3, *SIZE, dtype=torch.double, generator=generator)
    right = 0.9 * mask + 0.1 * draws
    return batch, right, 1 - right


@dataclass(frozen=True)
class Answered:
    """What a metric said, and the forwards it asked for.

    Args:
        returned: the value as it was returned.
        scores: (B,).
        forwards: made for it.
    """

    returned: Any
    scores: Any
    forwards: int


@dataclass(frozen=True)
class MetricTrial:
    """A metric, and maps to be scored by it."""

    spec: Metric

    @property
    def batch(self) -> Batch:
        """Three images of noise."""
        return replace(a_batch(SIZE), preprocess=PREPROCESS)

    @cached_property
    def maps(self) -> dict[str, Maps]:
        """(3, 16, 12) each, by what is special about them: what `rescale` may leave."""
        draws = torch.rand(3, *SIZE, dtype=torch.double, generator=torch.Generator().manual_seed(2))
        ties = draws.clone()
        ties[:, :5] = 0
        flat = draws.clone()
        flat[1] = 0
        return {"without ties": draws, "with a plateau": ties, "one of them flat": flat}

    def score(
        self,
        maps: Maps,
        batch: Batch | None = None,
        make: Callable[[], Classifier] | None = None,
        width: int = WIDTH,
    ) -> Answered:
        """What it says of maps."""
        batch = batch or self.batch
        classifier = (make or usual)()
        more = (Again(EVIDENCE, classifier, width),) if "explainer" in self.spec.needs else ()
        returned: Any = self.spec.load()(maps, batch, *more)
        stream = Stream(classifier.logits, width, ahead=0)
        if isinstance(returned, Generator):
            (answer,) = stream.drive([Task(returned, batch, "mine")])
            if answer.error is not None:
                raise answer.error
            returned = answer.value
        return Answered(
            returned, returned.scores if isinstance(returned, Scored) else returned, stream.forwards
        )

    @cached_property
    def usual(self) -> dict[str, Answered]:
        """What it says of each of its maps, made once."""
        return {name: self.score(maps) for name, maps in self.maps.items()}

    def scored(self) -> dict[str, Tensor]:
        """The scores of each of its maps."""
        return {name: answered.scores for name, answered in self.usual.items()}


def usual() -> Classifier:
    """The pooled CNN, its logits far enough apart that images matter."""
    network = drawn(0, pooled_network)
    assert isinstance(network, nn.Sequential)
    head = network[4]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight *= 8
        head.bias.zero_()
    return Classifier(network, (TargetLayer("1", network[1]),), PREPROCESS, head=head)
