"""Tiny float64 classifiers that contracts are tried on: a dozen channels, no downloads.

Each takes (B, 3, 32, 24) to four logits. Made anew for each trial, so that none sees what another left.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import cache, partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from xaibench.api.batch import Batch, Preprocess, Region
from xaibench.api.classifier import TOKENS, AttentionStack, Classifier, TargetLayer
from xaibench.api.maps import tokens_to_grid

CLASSES = 4
SIZE = (32, 24)  # height, width of the images
PATCH = 8
PREPROCESS = Preprocess(SIZE, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))

MakeClassifier = Callable[[], Classifier]


def drawn(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """A float64 network of weights that are the same each time; torch's generator is as before."""
    return deepcopy(drawn_once(seed, make))


@cache
def drawn_once(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """The one that `drawn` gives copies of."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double()


def pooled_network() -> nn.Sequential:
    """Convolution, in-place ReLU, global average pooling, one linear layer; 3 x 32 x 24 to 8 x 6."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )


def deep_network() -> nn.Sequential:
    """No global pooling before the linear layer, and an in-place ReLU right after the target layer."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 5, 3, stride=4, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, CLASSES),
    )


def transformer_network() -> VisionTransformer:
    """Two blocks and a class token on a grid of 4 x 3 patches."""
    return VisionTransformer(
        img_size=SIZE,
        patch_size=PATCH,
        num_classes=CLASSES,
        embed_dim=12,
        depth=2,
        num_heads=3,
    )


def pooled() -> Classifier:
    """A CNN behind whose pooling CAM is exact."""
    network = drawn(0, pooled_network)
    assert isinstance(network, nn.Sequential)
    head = network[4]
    assert isinstance(head, nn.Linear)
    return Classifier(network, (TargetLayer("1", network[1]),), PREPROCESS, head=head)


def two_layers() -> Classifier:
    """A CNN that is looked into at two layers."""
    network = drawn(1, deep_network)
    layers = tuple(TargetLayer(name, network.get_submodule(name)) for name in ("0", "2"))
    return Classifier(network, layers, PREPROCESS)


def transformer() -> Classifier:
    """A plain vision transformer, its attention to be read."""
    return attentive(drawn(3, transformer_network))


def attentive(network: nn.Module) -> Classifier:
    """A transformer of `transformer_network` at its last block's first norm."""
    grid = (SIZE[0] // PATCH, SIZE[1] // PATCH)
    to_grid = partial(tokens_to_grid, prefix=1, grid=grid)
    name = "blocks.1.norm1"
    layer = TargetLayer(name, network.get_submodule(name), to_grid, TOKENS)
    blocks, attentions = ("blocks.0", "blocks.1"), ("blocks.0.attn", "blocks.1.attn")
    stack = AttentionStack(blocks, attentions, prefix=1, grid=grid, read=(0,))
    return Classifier(network, (layer,), PREPROCESS, attention=stack)


NETWORKS: tuple[MakeClassifier, ...] = (pooled, two_layers, transformer)


def even_pooled() -> Classifier:
    """`pooled`, a cell a pixel, that does not tell left from right."""
    classifier = pooled()
    convolution = classifier.network.get_submodule("0")
    assert isinstance(convolution, nn.Conv2d)
    convolution.stride, convolution.padding = (1, 1), (1, 1)
    even(convolution)
    return classifier


def twice_convolved() -> nn.Sequential:
    """Two convolutions, a cell a pixel, and a pooling."""
    steps = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU()
    return nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, CLASSES))


def even_two_layers() -> Classifier:
    """Two convolutions, neither of which tells left from right, and a pooling."""
    network = drawn(4, twice_convolved)
    for name in ("0", "2"):
        even(network.get_submodule(name))
    layers = tuple(TargetLayer(name, network.get_submodule(name)) for name in ("0", "2"))
    return Classifier(network, layers, PREPROCESS)


def even_transformer() -> Classifier:
    """`transformer`, its patches and its positions the same from either side."""
    classifier = transformer()
    network = classifier.network
    assert isinstance(network, VisionTransformer)
    even(network.patch_embed.proj)
    assert network.pos_embed is not None
    with torch.no_grad():
        places = network.pos_embed[:, 1:].unflatten(1, (SIZE[0] // PATCH, SIZE[1] // PATCH))
        places.copy_((places + places.flip(2)) / 2)
    return classifier


def even(convolution: nn.Module) -> None:
    """Make a convolution the same from left and right, in place."""
    assert isinstance(convolution, nn.Conv2d)
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight + convolution.weight.flip(3))


EVEN: tuple[MakeClassifier, ...] = (even_pooled, even_two_layers, even_transformer)


def a_batch(size: tuple[int, int] = SIZE) -> Batch:
    """Three images of noise, (height, width) `size`, each with its class, seed and box."""
    generator = torch.Generator().manual_seed(1)
    colours = torch.rand(3, 3, *size, dtype=torch.double, generator=generator)
    height, width = size
    places = ((0.2, 0.25, 0.5, 0.5), (0.1, 0.1, 0.8, 0.3), (0.4, 0.6, 1.0, 1.0))
    boxes = [(x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in places]
    return Batch(
        ids=("a", "b", "c"),
        images=PREPROCESS.normalised(colours),
        targets=torch.tensor([0, 3, 2]),
        seeds=(7, 8, 9),
        regions=tuple(Region((width, height), (0, 0, width, height), (box,)) for box in boxes),
        preprocess=PREPROCESS,
        predicted=torch.tensor([1, 3, 0]),
    )
