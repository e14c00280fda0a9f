"""Makes the members of the families: random weights, drawn again and again."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import timm
import torch
import torchvision
from families import EFFICIENTNET_L2, LARGEST, SIZES, SMALLER
from timm.models.efficientnet import _gen_efficientnet as efficientnet
from torch import nn
from xaibench_models.checkpoints import draw_zero_heads
from xaibench_models.moe_vit import SIDE, moe_vit_network

from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of

CLASSES = 10
IMAGES = 16  # that batch norms are settled on: with few, networks that mix all tokens turn chaotic
FALL = 2.0  # of an attention bias, for each token of distance


@dataclass(frozen=True)
class Member:
    """A network with random weights.

    Args:
        size: (height, width) of the images to try it with.
        find: finds where it is explained; raises XaibenchError where that cannot be found.
    """

    size: tuple[int, int]
    find: Callable[[], Classifier]


def timm_member(name: str, draw: int = 0) -> Member:
    """At the size to try: its own, or the largest that is quick enough."""
    with drawn(draw):
        if name == EFFICIENTNET_L2:  # its 5.3 times deeper network at a tenth of its 4.3 times width
            network = efficientnet("tf_efficientnet_b0", 0.43, 5.3, num_classes=CLASSES)
        else:
            network = timm.create_model(name, num_classes=CLASSES, **SMALLER.get(name, {}))
        facts = network.pretrained_cfg
        _, height, width = facts["input_size"]
        fixed = facts.get("fixed_input_size") and name not in SIZES
        largest = height if fixed else SIZES.get(name, LARGEST)
        size = (largest, largest) if name in SIZES else (min(height, largest), min(width, largest))
        return settled(network, size)


def torchvision_member(name: str, draw: int = 0) -> Member:
    """At 224 pixels, or what it needs."""
    random = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with drawn(draw):
        network = torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **random)
        side = SIZES.get(name, LARGEST)
        return settled(network, (side, side))


def moe_vit_member(name: str, draw: int = 0) -> Member:
    """Our ViT with a mixture of experts in every second block; it has no members but itself."""
    with drawn(draw):
        return settled(moe_vit_network(), (SIDE, SIDE))


def transformers_member(name: str, draw: int = 0) -> Member:
    """A tiny one of a family of the transformers library, or a CLIP: saved, and loaded by its plugin."""
    import tiny  # only here: a distribution of its own

    with drawn(draw):
        classifier = tiny.member(name)
    return Member((tiny.SIDE, tiny.SIDE), lambda: classifier)


def settled(network: nn.Module, size: tuple[int, int]) -> Member:
    """With weights as training might leave them."""
    draw_zero_heads(network)
    attend_to_neighbours(network)
    settle(network, size)
    return Member(size, partial(classifier_of, network, size))


def settle(network: nn.Module, size: tuple[int, int]) -> None:
    """Batch norms as training leaves them: scaled, and normalising what passes through; in place.

    As constructors leave them, a deep network's signal dies away but for what padding makes of it.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
        if norm.affine and not norm.weight.any():
            nn.init.ones_(norm.weight)
    if norms:
        with torch.no_grad():
            network(torch.randn(IMAGES, 3, *size))
    network.eval()


def attend_to_neighbours(network: nn.Module) -> None:
    """Attention biases that fall with the distance of two tokens, where a constructor left zeros.

    LeViT, whose tokens are thinned out by attention alone, has no other tie between a token and its
    place: as constructed it mixes all tokens alike. In place.
    """
    for module in network.modules():
        biases = getattr(module, "attention_biases", None)
        numbers = getattr(module, "attention_bias_idxs", None)
        if biases is None or numbers is None or biases.any():
            continue
        # The first query stands in the corner, so its offset to each key is that key's row and column.
        side = round(numbers.shape[1] ** 0.5)
        keys = torch.arange(side * side)
        with torch.no_grad():
            biases[:, numbers[0]] = -FALL * torch.hypot((keys // side).float(), (keys % side).float())


@contextmanager
def drawn(draw: int) -> Iterator[None]:
    """Random numbers that are those of `draw`, and no warnings of the libraries."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(draw)
        yield


MAKERS = {
    "timm": timm_member,
    "torchvision": torchvision_member,
    "transformers": transformers_member,
    "ours": moe_vit_member,
}
