"""Controls: what part of a score has other reasons than the explanation."""

import torch

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps, Maps


def mean_activation(capture: Capture) -> GridMaps:
    """Mean of the channels: all of them the same weight, whatever the class."""
    maps: GridMaps = capture.activations.mean(1)
    return maps


def random_weights_cam(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each weighted by a number drawn from -1 to 1 for the image."""
    activations = capture.activations
    drawn = [
        torch.rand(activations.shape[1], generator=generator, dtype=activations.dtype)
        for generator in capture.batch.generators("random-weights-cam")
    ]
    weights = 2 * torch.stack(drawn).to(activations.device) - 1
    return weighted_sum(weights, activations).relu()


def almost_ones(capture: Capture) -> Maps:
    """One everywhere but for the first pixel (Fake-CAM, Poppi et al. 2021, arXiv:2104.10252)."""
    maps = torch.ones_like(capture.batch.images[:, 0])
    maps[:, 0, 0] = 0
    return maps


def ground_truth(capture: Capture) -> Maps:
    """The target class's mask, or else its boxes: the ceiling of what measures localisation.

    The share of each pixel of the network's input that it covers; 0 where the class is not annotated.
    """
    images = capture.batch.images
    size = (images.shape[2], images.shape[3])
    maps = [region.covered(size) for region in capture.batch.regions]
    return torch.stack(maps).to(images) if maps else torch.zeros_like(images[:, 0])
