"""Tries one network: what is found in it, and whether that is right."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from members import Member
from torch import Tensor
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.layer_cam import layer_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.errors import XaibenchError
from xaibench.api.maps import weighted_sum
from xaibench.api.resolve import normalised
from xaibench.testing.models.grid_orientation import SURE, margin, plant

DRAWS = 16  # of random weights, at most
AT_LEAST = 2


@dataclass(frozen=True)
class Found:
    """What was found in a network.

    Args:
        size: (height, width) of the images it was tried with.
        layer, layout, grid, channels: where it is explained.
        exact: CAM is exact there.
        errors: by how many standard errors the grid as it is read beats the best other reading.
        other: that reading.
        draws: of random weights, until that was sure.
        reason: why it cannot be explained; empty where it can.
        faults: what is wrong with what was found; empty where nothing is.
    """

    size: tuple[int, int]
    layer: str = ""
    layout: str = ""
    grid: tuple[int, int] = (0, 0)
    channels: int = 0
    exact: bool = False
    errors: float = 0.0
    other: str = ""
    draws: int = 0
    reason: str = ""
    faults: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """A layer was found, and nothing is wrong with it."""
        return not (self.reason or self.faults)


def survey(make: Callable[[int], Member]) -> Found:
    """What is found in the network that `make` draws, and all that is wrong with it."""
    member = make(0)
    try:
        classifier = member.find()
    except XaibenchError as error:
        return Found(member.size, reason=str(error))
    layer = classifier.target_layer
    images = torch.randn(3, 3, *member.size, generator=torch.Generator().manual_seed(1))
    capture = Capture(classifier, Batch(("a", "b", "c"), images, classifier.logits(images).argmax(1)))
    channels, *grid = capture.activations.shape[1:]
    exact = classifier.head is not None
    found = Found(member.size, layer.name, layer.layout, (grid[0], grid[1]), channels, exact)
    faults = (*map_faults(capture), *head_faults(capture))
    return upright(make, classifier, replace(found, faults=faults))


def upright(make: Callable[[int], Member], first: Classifier, found: Found) -> Found:
    """With how surely patches are seen where they are planted, in as many draws as that takes."""
    planted = []
    for draw in range(DRAWS):
        classifier = first if draw == 0 else make(draw).find()
        if classifier.target_layer.name != found.layer:
            fault = f"{classifier.target_layer.name} is found with other weights"
            return replace(found, faults=(*found.faults, fault))
        planted.append(plant(classifier, found.size, draw))
        least = margin(planted, found.layout)
        if len(planted) >= AT_LEAST and least.errors >= SURE:
            break
    found = replace(found, errors=least.errors, other=least.other, draws=len(planted))
    if least.errors >= SURE:
        return found
    fault = f"not shown to be upright: {least.other} says as much ({least.errors:+.1f} standard errors)"
    return replace(found, faults=(*found.faults, fault))


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
