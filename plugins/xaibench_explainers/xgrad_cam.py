"""XGrad-CAM. Fu et al. 2020, arXiv:2008.02312."""

import torch

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import ChannelWeights, Grid, GridMaps

ROUNDING = 1e-6  # of a sum, as a share of the sum of its terms' magnitudes


def xgrad_cam(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each weighted by its gradients' activation-weighted mean."""
    weights = channel_weights(capture.activations, capture.gradients)
    return weighted_sum(weights, capture.activations).relu()


def channel_weights(activations: Grid, gradients: Grid) -> ChannelWeights:
    """Sum of gradient times activation over the sum of activations; 0 where that sum is rounding."""
    total = activations.sum((2, 3))
    defined = total.abs() > ROUNDING * activations.abs().sum((2, 3))
    contribution = (gradients * activations).sum((2, 3))
    return torch.where(defined, contribution / torch.where(defined, total, 1), 0)
