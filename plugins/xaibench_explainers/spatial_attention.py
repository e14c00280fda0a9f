"""The spatial attention that a network with CBAM has of its own. Woo et al. 2018, arXiv:1807.06521."""

import torch
from timm.layers.cbam import SpatialAttn
from torch import Tensor
from xaibench_models.cbam import SpatialAttention

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.classifier import frozen
from xaibench.api.types import GridMaps


def spatial_attention(capture: Capture) -> GridMaps:
    """The last spatial attention's weight of each cell, in (0, 1); the same for all classes.

    From one more forward. Of ours and of timm's CBAM: the sigmoid of what their one convolution gives.

    Raises:
        Unsupported: the network has none.
    """
    network, images = capture.shared.classifier.network, capture.batch.images
    attention_modules = [m for m in network.modules() if isinstance(m, SpatialAttention | SpatialAttn)]
    if not attention_modules:
        raise Unsupported("it has no spatial attention as CBAM has")
    attention_maps: list[Tensor] = []
    handle = attention_modules[-1].conv.register_forward_hook(
        lambda _m, _inputs, output: attention_maps.append(output)
    )
    try:
        with frozen(network), torch.no_grad():
            network(images.clone())  # clone: a first layer may work in place
    finally:
        handle.remove()
    capture.shared.forwards += len(images)
    maps: GridMaps = attention_maps[-1][:, 0].sigmoid()
    return maps
