"""Architectures broken on purpose, each in one way."""

import torch
from torch import nn
from zoo_explainers import Broken

from xaibench.api import Architecture

DRAWN = torch.Generator().manual_seed(0)


def plain(classes, size):
    steps = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    return nn.Sequential(*steps)


def ten_classes(classes, size):
    return plain(10, size)


def by_itself(classes, size):
    network = plain(classes, size)
    nn.init.normal_(network[0].weight, generator=DRAWN)
    return network


def always_the_same(classes, size):
    network = plain(classes, size)
    for weight in network.parameters():
        nn.init.constant_(weight, 0.1)
    return network


def idle_weights(classes, size):
    network = plain(classes, size)
    network[0].register_parameter("idle", nn.Parameter(torch.randn(3)))
    return network


class OfTheBatch(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images - images.mean(0))


def of_the_batch(classes, size):
    return OfTheBatch(plain(classes, size))


ARCHITECTURES = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "ten_classes": Broken(("logits",), r"\(3, 4\)\n  found:    \(3, 10\) \(4 classes, 32 pixels\)", {}),
    "by_itself": Broken(("drawn-by-torch",), r"from the same seed\n.*0.weight differs", {}),
    "always_the_same": Broken(("drawn-by-torch",), r"other weights from another seed", {}),
    "idle_weights": Broken(("learns",), r"none for 0.idle", {}),
    "of_the_batch": Broken(("batch-equals-loop",), r"the same logits alone and among others", {}),
}


def architecture(name: str) -> Architecture:
    """The spec of one of the zoo."""
    return Architecture(name=name, at=f"zoo_architectures:{name}")
