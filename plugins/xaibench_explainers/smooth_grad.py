"""SmoothGrad. Smilkov et al. 2017, arXiv:1706.03825."""

import torch
from torch import Generator

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps, Images


def smooth_grad(capture: Capture, count: int = 50, noise: float = 0.15) -> GridMaps:
    """Magnitude of the mean gradient of noisy copies of the image, the largest of the colours.

    Args:
        capture: of any classifier.
        count: copies of each image, each a forward and a backward.
        noise: its standard deviation, as a share of the image's range.
    """
    batch = capture.batch
    # An image after another: all copies of one fill passes, those of all would fill the memory
    gradients = [
        capture.image_gradients_at(noisy(image, count, noise, generator), target.expand(count)).mean(0)
        for image, target, generator in zip(
            batch.images, batch.targets, batch.generators("smooth-grad"), strict=True
        )
    ]
    return torch.stack(gradients).abs().amax(1)


def noisy(image: torch.Tensor, count: int, noise: float, generator: Generator) -> Images:
    """(count, 3, H, W): the image, (3, H, W), with Gaussian noise."""
    drawn = torch.randn(count, *image.shape, generator=generator, dtype=image.dtype)
    return image + noise * (image.max() - image.min()) * drawn.to(image.device)
