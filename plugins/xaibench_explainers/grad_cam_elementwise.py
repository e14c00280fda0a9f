"""Grad-CAM element-wise: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) without its means."""

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps


def grad_cam_elementwise(capture: Capture) -> GridMaps:
    """The channels' sum of gradient times activation, only the positive products of each cell.

    As pytorch-grad-cam's GradCAMElementWise has it; no paper of its own.
    """
    maps: GridMaps = (capture.gradients * capture.activations).relu().sum(1)
    return maps
