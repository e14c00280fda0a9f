"""Captum's methods that take parts of the image away."""

import torch
from captum import attr
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps
from xaibench_captum.lending import lent


def occlusion(capture: Capture, window: float = 1 / 7, stride: float = 1 / 28) -> GridMaps:
    """Mean drop of the target logit over the windows that cover a pixel, each set to the mean colour.

    Signed. Captum cuts the last window of a row or column off at the image's edge.

    Args:
        capture: of any classifier.
        window: its side, as a share of the image's: 32 pixels of 224.
        stride: from a window to the next, likewise: 8 pixels of 224.
    """
    images = capture.batch.images
    sides = images.shape[2:]
    shape = (3, *(max(1, round(window * side)) for side in sides))
    strides = (3, *(max(1, round(stride * side)) for side in sides))
    with lent(capture) as network:
        attributions = attr.Occlusion(network).attribute(
            images, shape, strides=strides, baselines=0, target=capture.batch.targets
        )
    # All colours at once, so that they are all the same; Captum counts windows in float32.
    maps: GridMaps = attributions.detach().mean(1).to(images)
    return maps


def feature_ablation(capture: Capture, parts: int = 7) -> GridMaps:
    """Drop of the target logit without each of `parts` x `parts` pieces of the image; signed.

    Args:
        capture: of any classifier.
        parts: along a side; the pixels are dealt out evenly. Each piece is a forward an image.
    """
    images = capture.batch.images
    rows, columns = (pieces(side, parts) for side in images.shape[2:])
    numbers = (rows[:, None] * parts + columns).to(images.device)
    _, numbers = numbers.unique(return_inverse=True)  # small images may have fewer pieces
    with lent(capture) as network:
        attributions = attr.FeatureAblation(network).attribute(
            images, baselines=0, feature_mask=numbers[None, None], target=capture.batch.targets
        )
    maps: GridMaps = attributions.detach().mean(1).to(images)
    return maps


def pieces(side: int, parts: int) -> Tensor:
    """Which piece each pixel along a side lies in, the same from either end."""
    return ((torch.arange(side) + 0.5) * parts / side).long()
