"""A network of which everybody knows where alone it looks."""

from dataclasses import replace

import torch
from torch import nn

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.types import Images, Logits
from xaibench.testing.common.tiny_networks import CLASSES, PREPROCESS, SIZE, a_batch, drawn

PLACE = (slice(4, 12), slice(3, 9))  # rows and columns, far from where they would be mirrored


class OnePlaceNetwork(nn.Module):
    """Its logit of class 0 is how bright the image is in one place; it does not see the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.brightness = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.out = nn.ReLU()
        self.head = nn.Linear(6, CLASSES)
        place = torch.zeros(SIZE)
        place[PLACE] = 1
        self.register_buffer("place", place)
        with torch.no_grad():
            self.brightness.weight.abs_()
            self.head.weight.zero_()
            self.head.weight[0] = 1

    def forward(self, images: Images) -> Logits:
        """(B, 3, 32, 24) to (B, 4)."""
        visible = self.out(self.brightness(images)) * self.place
        logits: Logits = self.head(visible.mean((2, 3)))
        return logits


def one_place() -> Classifier:
    """The network, looked into above the place that it sees."""
    network = drawn(5, OnePlaceNetwork)
    return Classifier(network, (TargetLayer("out", network.get_submodule("out")),), PREPROCESS)


def one_place_batch() -> Batch:
    """Images that are bright in that place, and dark elsewhere, each asked about class 0."""
    batch = a_batch()
    colours = 0.2 * torch.rand(batch.images.shape, generator=torch.Generator().manual_seed(3)).double()
    colours[:, :, *PLACE] += 0.7
    targets = torch.zeros_like(batch.targets)
    return replace(batch, images=PREPROCESS.normalised(colours), targets=targets, predicted=targets)
