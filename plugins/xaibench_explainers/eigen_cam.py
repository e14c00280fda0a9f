"""EigenCAM. Muhammad and Yeasin 2020, arXiv:2008.00299; and EigenGrad-CAM."""

import torch

from xaibench.api.capture import Capture
from xaibench.api.types import Grid, GridMaps


def eigen_cam(capture: Capture, centred: bool = False) -> GridMaps:
    """ReLU of the activations' projection on their first principal direction; asks about no class.

    The projection's sign is arbitrary: it is taken so that the largest magnitude is positive.

    Args:
        capture: of any classifier.
        centred: take the positions' mean off first, as pytorch-grad-cam does and the paper does not.
    """
    maps = projected(capture.activations, centred)
    against = maps.amax((1, 2), keepdim=True) < -maps.amin((1, 2), keepdim=True)
    return torch.where(against, -maps, maps).relu()


def eigengrad_cam(capture: Capture, centred: bool = False) -> GridMaps:
    """The same of gradient times activation, so of the target class.

    The sign is the one that goes along with the sum over the channels, HiResCAM's map: evidence for the
    class is positive. As pytorch-grad-cam's EigenGradCAM has it but for the sign; no paper of its own.
    """
    products = capture.gradients * capture.activations
    maps = projected(products, centred)
    against = (maps * products.sum(1)).sum((1, 2), keepdim=True) < 0
    return torch.where(against, -maps, maps).relu()


def projected(features: Grid, centred: bool) -> GridMaps:
    """Each position's feature vector times the first right singular vector of all; the sign is any."""
    vectors = features.flatten(2).mT
    if centred:
        vectors = vectors - vectors.mean(1, keepdim=True)
    _, _, directions = torch.linalg.svd(vectors, full_matrices=False)
    # Not the left singular vector times the value: there a position without features has not quite 0.
    maps: GridMaps = (vectors @ directions[:, 0, :, None]).view_as(features[:, 0])
    return maps
