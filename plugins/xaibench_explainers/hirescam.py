"""HiResCAM. Draelos and Carin 2020, arXiv:2011.08891."""

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps


def hirescam(capture: Capture, relu: bool = True) -> GridMaps:
    """ReLU of the channels' sum, each cell of each weighted by its own gradient.

    Args:
        capture: of any classifier.
        relu: without it, the map sums to the target logit but for the bias, exactly, where one linear
            layer on all cells makes the logits.
    """
    maps = weighted_sum(capture.gradients, capture.activations)
    return maps.relu() if relu else maps
