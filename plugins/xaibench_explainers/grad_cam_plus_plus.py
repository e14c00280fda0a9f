"""Grad-CAM++. Chattopadhay et al. 2018, arXiv:1710.11063."""

from xaibench.api.capture import Capture
from xaibench.api.maps import off_zero, weighted_sum
from xaibench.api.types import ChannelWeights, Grid, GridMaps


def grad_cam_plus_plus(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each weighted by its alpha-weighted positive gradients.

    Eqs. 5 and 19, for the exponential of the logit, whose value cancels in alpha.
    """
    weights = channel_weights(capture.activations, capture.gradients)
    return weighted_sum(weights, capture.activations).relu()


def channel_weights(activations: Grid, gradients: Grid) -> ChannelWeights:
    """Sum over the cells of alpha times the positive gradient."""
    positive = gradients.relu()
    # Eq. 19 with the squared gradient divided out: no 0/0 is left, so no epsilon to tune.
    denominator = 2 + activations.sum((2, 3), keepdim=True) * positive
    return (positive / off_zero(denominator)).sum((2, 3))  # signed activations can bring it to 0
