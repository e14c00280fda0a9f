"""Grad-CAM. Selvaraju et al. 2017, arXiv:1610.02391."""

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps


def grad_cam(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each weighted by the mean of its gradients (eqs. 1-2)."""
    return weighted_sum(capture.gradients.mean((2, 3)), capture.activations).relu()
