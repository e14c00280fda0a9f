"""Tries one network: what is found in it, and whether that is right."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import timm
import torch
import torchvision
from families import EFFICIENTNET_L2, LARGEST, SIZES, SMALLER
from timm.models.efficientnet import _gen_efficientnet as efficientnet
from torch import Tensor, nn
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.layer_cam import layer_cam
from xaibench_models.checkpoints import draw_zero_heads

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.errors import XaibenchError
from xaibench.api.maps import weighted_sum
from xaibench.api.resolve import classifier_of, normalised

CLASSES = 10
PLACES = ((0.85, 0.4), (0.3, 0.1))  # down, right: no flip, turn or transposition maps both near to both
BRIGHT = 2.0
DRAWS = 6  # of random weights, at most


@dataclass(frozen=True)
class Found:
    """What was found in a network.

    Args:
        size: (height, width) of the images it was tried with.
        layer, layout, grid, channels: where it is explained.
        exact: CAM is exact there.
        reason: why it cannot be explained; empty where it can.
        faults: what is wrong with what was found; empty where nothing is.
    """

    size: tuple[int, int]
    layer: str = ""
    layout: str = ""
    grid: tuple[int, int] = (0, 0)
    channels: int = 0
    exact: bool = False
    reason: str = ""
    faults: tuple[str, ...] = ()


def timm_network(name: str, draw: int = 0) -> tuple[nn.Module, tuple[int, int]]:
    """Random weights, and the size to try: the largest that is quick enough."""
    with drawn(draw):
        if name == EFFICIENTNET_L2:  # its 5.3 times deeper network at a tenth of its 4.3 times width
            network = efficientnet("tf_efficientnet_b0", 0.43, 5.3, num_classes=CLASSES)
        else:
            network = timm.create_model(name, num_classes=CLASSES, **SMALLER.get(name, {}))
        draw_zero_heads(network)
        facts = network.pretrained_cfg
        _, height, width = facts["input_size"]
        largest = height if facts.get("fixed_input_size") else SIZES.get(name, LARGEST)
        size = (min(height, largest), min(width, largest))
        return settle(network, size), size


def torchvision_network(name: str, draw: int = 0) -> tuple[nn.Module, tuple[int, int]]:
    random = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with drawn(draw):
        network = torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **random)
        draw_zero_heads(network)
        side = SIZES.get(name, LARGEST)
        return settle(network, (side, side)), (side, side)


def settle(network: nn.Module, size: tuple[int, int]) -> nn.Module:
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
            network(torch.randn(4, 3, *size))
    return network.eval()


@contextmanager
def drawn(draw: int) -> Iterator[None]:
    """Random numbers that are those of `draw`, and no warnings of the libraries."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(draw)
        yield


def survey(make: Callable[[int], tuple[nn.Module, tuple[int, int]]]) -> Found:
    """What is found in the network that `make` draws, and all that is wrong with it."""
    network, size = make(0)
    try:
        classifier = classifier_of(network, size)
    except XaibenchError as error:
        return Found(size, reason=str(error))
    layer = classifier.target_layer
    images = planted(classifier, size)
    targets = classifier.logits(images).argmax(1)
    capture = Capture(classifier, Batch(("plain", "a", "b"), images, targets))
    channels, *grid = capture.activations.shape[1:]
    faults = (*map_faults(capture), *head_faults(capture), *upright_faults(make, layer, capture))
    found = (layer.name, layer.layout, (grid[0], grid[1]), channels, classifier.head is not None)
    return Found(size, *found, faults=faults)


def grid_at(classifier: Classifier, images: Tensor) -> tuple[int, int]:
    output = SharedPass(classifier, images).outputs[-1].detach()
    h, w = classifier.target_layer.to_grid(output).shape[2:]
    return h, w


def planted(classifier: Classifier, size: tuple[int, int]) -> Tensor:
    """(3, 3, H, W): noise, and the same noise with one bright cell, at two places."""
    height, width = size
    noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 0.2 - 0.1
    h, w = grid_at(classifier, noise)
    images = noise.repeat(3, 1, 1, 1)
    for image, place in zip(images[1:], PLACES, strict=True):
        y, x = cell_at(place, (h, w))
        rows = slice(y * height // h, -(-(y + 1) * height // h))
        columns = slice(x * width // w, -(-(x + 1) * width // w))
        image[:, rows, columns] += BRIGHT
    return images


def cell_at(place: tuple[float, float], grid: tuple[int, int]) -> tuple[int, int]:
    return int(place[0] * grid[0]), int(place[1] * grid[1])


def upright_faults(
    make: Callable[[int], tuple[nn.Module, tuple[int, int]]], layer: TargetLayer, capture: Capture
) -> list[str]:
    """Where a planted patch is not seen where it was planted.

    Seen is the change of the activations, against the change that the other patch makes: what deep
    random networks change in the middle, or at the border, wherever the patch is, is in both. Where
    one draw of the weights still blurs it, it is the mean of several.
    """
    total = contrast_of(capture.activations)
    for draw in range(1, DRAWS):
        if not misplaced(total):
            break
        network, _ = make(draw)
        drawn_layer = TargetLayer(layer.name, network.get_submodule(layer.name), layer.to_grid)
        shared = SharedPass(Classifier(network, (drawn_layer,)), capture.batch.images)
        total = total + contrast_of(layer.to_grid(shared.outputs[-1].detach()))
    return misplaced(total)


def contrast_of(activations: Tensor) -> Tensor:
    """(h, w): where the first patch changes more than the second; of (3, K, h, w)."""
    plain, *others = activations
    a, b = ((other - plain).abs().sum(0) for other in others)
    return a / a.sum() - b / b.sum()


def misplaced(contrast: Tensor) -> list[str]:
    """Which patch is seen brighter anywhere that a flip, a turn or a transposition puts it.

    Around each of these cells the mean of a cell, or a tenth of the grid, to all sides is taken.
    """
    grid = (contrast.shape[0], contrast.shape[1])
    near = max(1, round(0.1 * max(grid)))
    pool = nn.AvgPool2d(2 * near + 1, 1, near, count_include_pad=False)
    faults = []
    for (down, right), seen in zip(PLACES, (contrast, -contrast), strict=True):
        smooth = pool(seen[None])[0]
        sides = [(down, right), (1 - down, right), (down, 1 - right), (1 - down, 1 - right)]
        cells = [cell_at(place, grid) for y, x in sides for place in ((y, x), (x, y))]
        best = max(cells, key=lambda cell: float(smooth[cell]))
        if best != cells[0]:
            faults.append(f"a patch planted at {cells[0]} of {grid} is seen at {best}")
    return faults


def evidence(capture: Capture) -> Tensor:
    """Activations times gradients, neither of them rectified."""
    return weighted_sum(capture.gradients, capture.activations)


def map_faults(capture: Capture) -> list[str]:
    """Maps of the wrong shape, not finite, other one by one; or constant, whichever the explainer."""
    faults, constant = [], []
    batch = capture.batch
    alone = [
        Capture(capture.classifier, Batch((name,), image[None], target[None]))
        for name, image, target in zip(batch.ids, batch.images, batch.targets, strict=True)
    ]
    for explainer in (layer_cam, grad_cam, evidence):
        maps = explainer(capture)
        singles = torch.cat([explainer(single) for single in alone])
        if maps.shape != (len(batch.ids), *capture.activations.shape[2:]):
            faults.append(f"{explainer.__name__}'s maps are {tuple(maps.shape)}")
        if not maps.isfinite().all():
            faults.append(f"{explainer.__name__}'s maps are not finite")
        if not torch.allclose(maps, singles, rtol=1e-3, atol=1e-4 * float(maps.abs().max())):
            faults.append(f"{explainer.__name__}'s maps depend on the batch")
        constant += [float(m.max()) == float(m.min()) for m in maps]
    # Random weights leave Grad-CAM of a class empty often enough: not all may be constant.
    return [*faults, *(["every map is constant"] if all(constant) else [])]


def head_faults(capture: Capture) -> list[str]:
    """A head said to be exact that does not make the logits."""
    classifier = capture.classifier
    if classifier.head is None:
        return []
    pooled = capture.activations.mean((2, 3))
    if classifier.head_norm is not None:
        pooled = normalised(classifier.head_norm, pooled)
    slack = 1e-3 * float(capture.logits.std())
    if torch.allclose(classifier.head(pooled), capture.logits, rtol=1e-2, atol=slack):
        return []
    return ["its head does not make the logits"]
