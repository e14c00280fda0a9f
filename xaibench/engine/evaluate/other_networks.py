"""What other networks, such as those of weights drawn anew, did with a batch: made once for all."""

from collections import OrderedDict
from dataclasses import dataclass, field

from xaibench.api.batch import Batch
from xaibench.api.capture import SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.types import Images, Maps

MOST_BYTES = 2**29  # of target layers' outputs


@dataclass
class OtherNetworks:
    """Their forward passes of some images, and their maps by the explainer that asked last.

    A cascade asks every explainer about the same ten networks, and two metrics ask about the same
    cascade. Networks, images and batches are known by identity: what is remembered is kept alive.

    Args:
        most: bytes of target layers' outputs that are kept; the oldest pass goes first.
    """

    most: int = MOST_BYTES
    passes: OrderedDict[tuple[int, int], SharedPass] = field(default_factory=OrderedDict)
    asked_by: str = ""
    cached: dict[tuple[int, int], tuple[Classifier, Batch, Maps]] = field(default_factory=dict)

    def forward(self, classifier: Classifier, images: Images) -> tuple[SharedPass, int]:
        """The network's pass, and how many images were forwarded for it now."""
        key = (id(classifier), id(images))
        if shared_pass := self.passes.get(key):
            return shared_pass, 0
        self.passes[key] = SharedPass(classifier, images)
        while len(self.passes) > 1 and sum(map(size_of, self.passes.values())) > self.most:
            self.passes.popitem(last=False)
        return self.passes[key], len(images)

    def maps(self, explainer: str, classifier: Classifier, batch: Batch) -> Maps | None:
        """The explainer's maps, where they were made and no other has asked since."""
        if explainer != self.asked_by:
            self.asked_by = explainer
            self.cached.clear()
        _, _, maps = self.cached.get((id(classifier), id(batch)), (None, None, None))
        return maps

    def keep(self, classifier: Classifier, batch: Batch, maps: Maps) -> None:
        """Maps of the explainer that asked last."""
        self.cached[id(classifier), id(batch)] = classifier, batch, maps


def size_of(shared: SharedPass) -> int:
    """Bytes of its target layers' outputs."""
    return sum(output.numel() * output.element_size() for output in shared.outputs)
