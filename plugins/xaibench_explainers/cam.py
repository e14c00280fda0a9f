"""CAM. Zhou et al. 2016, arXiv:1512.04150."""

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps


def cam(capture: Capture, relu: bool = True) -> GridMaps:
    """Channels weighted by the target class's row of the linear head (eq. 2).

    Args:
        capture: of a classifier whose logits are its linear head on the mean activations.
        relu: the paper has none; with it the map is comparable with the other CAMs. Without it,
            the mean over the cells plus the head's bias is the target logit, exactly.

    Raises:
        Unsupported: the classifier has no such head.
    """
    head = capture.classifier.head
    if head is None:
        raise Unsupported("CAM needs a linear head on globally average-pooled activations")
    maps = weighted_sum(head.weight.detach()[capture.batch.targets], capture.activations)
    return maps.relu() if relu else maps
