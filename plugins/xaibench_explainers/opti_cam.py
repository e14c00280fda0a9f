"""Opti-CAM. Zhang et al. 2023, arXiv:2301.07002."""

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample, weighted_sum
from xaibench.api.types import Grid, GridMaps, Images


def opti_cam(capture: Capture, steps: int = 50, rate: float = 0.1) -> GridMaps:
    """The convex combination of the channels that, as a mask, raises the target logit most.

    It climbs what metrics that mask the image with the map measure: beside those it must be said that
    it trains on the metric.

    Args:
        capture: of any classifier.
        steps: of Adam, each a forward and a backward.
        rate: Adam's learning rate.
    """
    batch, activations = capture.batch, capture.activations.relu()
    scores = torch.full_like(activations[:, :, 0, 0], 0.5).requires_grad_()
    climber = torch.optim.Adam([scores], lr=rate)
    for _ in range(steps):
        with torch.enable_grad():
            images = masked(batch.images, combined(scores, activations))
        uphill = capture.image_gradients_at(images, batch.targets)
        # the network's part of the chain rule is `uphill`; Adam goes downhill
        scores.grad = torch.autograd.grad(images, scores, -uphill)[0]
        climber.step()
    return combined(scores, activations).detach()


def combined(scores: Tensor, activations: Grid) -> GridMaps:
    """The channels' sum, weighted by the softmax of their scores, (B, K)."""
    return weighted_sum(scores.softmax(1), activations)


def masked(images: Images, maps: GridMaps) -> Images:
    """The images times their maps, upsampled and rescaled to [0, 1]."""
    return images * rescale(upsample(maps, images.shape[2:]))[:, None]
