"""CAM. Zhou et al. 2016, arXiv:1512.04150."""

import torch
from torch import Tensor, nn

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import GridMaps


def cam(capture: Capture, relu: bool = True) -> GridMaps:
    """Channels weighted by the target class's row of the linear head (eq. 2).

    Where a layer norm stands before the head, each cell goes through it with the mean vector's
    spread held fixed: the norm is then linear too.

    Args:
        capture: of a classifier whose logits are its linear head on the mean activations.
        relu: the paper has none; with it the map is comparable with the other CAMs. Without it, the
            mean over the cells is the target logit but for what the biases add, exactly.

    Raises:
        Unsupported: the classifier has no such head.
    """
    head, norm = capture.classifier.head, capture.classifier.head_norm
    if head is None:
        raise Unsupported("CAM needs a linear head on globally average-pooled activations")
    weights, activations = head.weight.detach()[capture.batch.targets], capture.activations
    if norm is not None:
        weights = weights * scale(norm, activations.mean((2, 3)))
        activations = activations - activations.mean(1, keepdim=True)
    maps = weighted_sum(weights, activations)
    return maps.relu() if relu else maps


def scale(norm: nn.LayerNorm, vectors: Tensor) -> Tensor:
    """(B, K): what the norm multiplies the channels of each (B, K) vector with, once centred."""
    spread = torch.sqrt(vectors.var(1, correction=0, keepdim=True) + norm.eps)
    return (norm.weight.detach() if norm.weight is not None else 1) / spread
