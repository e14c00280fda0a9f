"""Layer-CAM. Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943."""

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps


def layer_cam(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each cell of each weighted by its own positive gradient (eq. 6)."""
    return weighted_sum(capture.gradients.relu(), capture.activations).relu()
