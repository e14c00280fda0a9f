"""Saliency, Simonyan et al. 2014, arXiv:1312.6034; input times gradient, Shrikumar et al. 2016."""

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps


def saliency(capture: Capture) -> GridMaps:
    """Magnitude of the target logit's gradient at each pixel, the largest of the colours."""
    return capture.image_gradients.abs().amax(1)


def input_x_gradient(capture: Capture, absolute: bool = False) -> GridMaps:
    """The pixel times its gradient, summed over the colours (arXiv:1605.01713); signed.

    Args:
        capture: of any classifier.
        absolute: the sum's magnitude.
    """
    maps: GridMaps = (capture.batch.images * capture.image_gradients).sum(1)
    return maps.abs() if absolute else maps
