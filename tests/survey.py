"""Tries one network: what is found in it, and whether that is right."""

import warnings
from dataclasses import dataclass

import timm
import torch
import torchvision
from families import LARGEST, SMALLER
from torch import Tensor, nn
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.layer_cam import layer_cam
from xaibench_models.checkpoints import draw_zero_heads, same_draw

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.errors import XaibenchError
from xaibench.api.resolve import classifier_of, normalised

CLASSES = 10
PLACES = ((0.85, 0.4), (0.3, 0.1))  # down, right: no flip, turn or transposition maps both near to both
BRIGHT = 2.0


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


def timm_network(name: str, **settings: object) -> tuple[nn.Module, tuple[int, int]]:
    """Random weights, always the same, and the size to try: the largest that is quick enough."""
    with same_draw(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = timm.create_model(name, num_classes=CLASSES, **SMALLER.get(name, {}), **settings)
    draw_zero_heads(network)
    facts = network.pretrained_cfg
    _, height, width = facts["input_size"]
    if facts.get("fixed_input_size"):
        return network.eval(), (height, width)
    return network.eval(), (min(height, LARGEST), min(width, LARGEST))


def torchvision_network(name: str) -> tuple[nn.Module, tuple[int, int]]:
    random = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with same_draw(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **random)
    draw_zero_heads(network)
    return network.eval(), (LARGEST, LARGEST)


def survey(network: nn.Module, size: tuple[int, int]) -> Found:
    """What is found in `network`, and all that is wrong with it."""
    try:
        classifier = classifier_of(network, size)
    except XaibenchError as error:
        return Found(size, reason=str(error))
    layer = classifier.target_layer
    images = planted(classifier, size)
    capture = Capture(classifier, Batch(("plain", "a", "b"), images, torch.tensor([1, 1, 2])))
    channels, *grid = capture.activations.shape[1:]
    faults = (*map_faults(capture), *head_faults(capture), *upright_faults(capture.activations))
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


def upright_faults(activations: Tensor) -> list[str]:
    """Where a planted patch is not seen where it was planted.

    Seen is the change of the activations, against the change that the other patch makes: what deep
    random networks change in the middle, wherever the patch is, is in both.
    """
    plain, *others = activations
    a, b = ((other - plain).abs().sum(0) for other in others)
    contrast = a / a.sum() - b / b.sum()
    grid = tuple(contrast.shape)
    near = max(1, round(0.1 * max(grid)))
    faults = []
    for place, seen in zip(PLACES, (contrast, -contrast), strict=True):
        y, x = divmod(int(seen.argmax()), grid[1])
        wanted = cell_at(place, grid)
        if max(abs(y - wanted[0]), abs(x - wanted[1])) > near:
            faults.append(f"a patch planted at {wanted} of {grid} is seen at {(y, x)}")
    return faults


def map_faults(capture: Capture) -> list[str]:
    """Maps of the wrong shape, not finite, other one by one; or constant, whichever the explainer."""
    faults, constant = [], []
    batch = capture.batch
    for explainer in (layer_cam, grad_cam):
        maps = explainer(capture)
        singles = [
            explainer(Capture(capture.classifier, Batch((name,), image[None], target[None])))
            for name, image, target in zip(batch.ids, batch.images, batch.targets, strict=True)
        ]
        if maps.shape != (len(batch.ids), *capture.activations.shape[2:]):
            faults.append(f"{explainer.__name__}'s maps are {tuple(maps.shape)}")
        if not maps.isfinite().all():
            faults.append(f"{explainer.__name__}'s maps are not finite")
        scale = float(maps.abs().max())
        if not torch.allclose(maps, torch.cat(singles), rtol=1e-3, atol=1e-4 * scale):
            faults.append(f"{explainer.__name__}'s maps depend on the batch")
        constant += [float(m.max()) == float(m.min()) for m in maps.relu()]
    # Random weights leave Grad-CAM of one class empty often enough, but not all of all.
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
