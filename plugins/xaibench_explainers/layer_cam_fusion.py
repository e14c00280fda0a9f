"""Layer-CAM over several layers. Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943."""

from functools import reduce

import torch

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.maps import upsample, weighted_sum
from xaibench.api.types import Grid, GridMaps


def layer_cam_fusion(capture: Capture, gamma: float = 2.0, shallow: float = 8.0) -> GridMaps:
    """The largest, cell by cell, of the Layer-CAMs of all target layers, at the finest grid.

    Each is divided by its largest value; those of shallow layers are scaled by tanh first.

    Args:
        capture: of a classifier with several target layers.
        gamma: slope of the tanh.
        shallow: a layer is shallow whose cells are at most so many pixels high. The paper scales
            VGG's stages 1 to 3, whose cells are up to 8 pixels.

    Raises:
        Unsupported: there is one target layer only.
    """
    if len(capture.layer_activations) < 2:
        raise Unsupported("fusion needs several target layers")
    height = capture.batch.images.shape[2]
    maps = [
        scaled(activations, gradients, gamma if height / activations.shape[2] <= shallow else None)
        for activations, gradients in zip(
            capture.layer_activations, capture.layer_gradients, strict=True
        )
    ]
    finest = max((layer.shape[1:] for layer in maps), key=lambda size: size[0] * size[1])
    return reduce(torch.maximum, [upsample(layer, finest) for layer in maps])


def scaled(activations: Grid, gradients: Grid, gamma: float | None) -> GridMaps:
    """A layer's Layer-CAM over its largest value, through tanh(gamma x) where gamma is given."""
    maps = weighted_sum(gradients.relu(), activations).relu()
    largest = maps.amax((1, 2), keepdim=True)
    maps = maps / torch.where(largest > 0, largest, 1)
    return maps if gamma is None else torch.tanh(gamma * maps)
