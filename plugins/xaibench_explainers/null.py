"""Null explainers: maps that know nothing of the network. What does not beat them explains nothing."""

import torch
import torch.nn.functional as F  # noqa: N812

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps, Images


def random(capture: Capture) -> GridMaps:
    """Uniform noise at the target layer's resolution, so as smooth as a CAM once upsampled."""
    activations = capture.activations
    noise = [
        torch.rand(activations.shape[2:], generator=generator, dtype=activations.dtype)
        for generator in capture.batch.generators("random")
    ]
    return torch.stack(noise).to(activations.device)


def center(capture: Capture) -> GridMaps:
    """exp(-d^2 / 2) of the distance to the centre in standard deviations of a quarter of the size."""
    images = capture.batch.images
    y, x = (offsets(length).to(images) for length in images.shape[2:])
    bell = torch.exp(-(y[:, None] ** 2 + x**2) / 2)
    return bell.expand(len(images), -1, -1)


def offsets(length: int) -> torch.Tensor:
    """Distance of each pixel's centre from the middle, in quarters of the length."""
    return (torch.arange(length, dtype=torch.float64) + 0.5 - length / 2) / (length / 4)


def edge(capture: Capture) -> GridMaps:
    """Magnitude of the 3 x 3 Sobel gradient of the grey image."""
    batch = capture.batch
    colours = batch.preprocess.colours(batch.images) if batch.preprocess else batch.images
    return sobel(colours)


def sobel(images: Images) -> GridMaps:
    """sqrt(gx^2 + gy^2) of the mean over the colours, borders replicated."""
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(grey, kernels).square().sum(1).sqrt()
