"""Guided back-propagation, Springenberg et al. 2015, arXiv:1412.6806; and Guided Grad-CAM.

Both change little when the network's weights are made random (Adebayo et al. 2018, arXiv:1810.03292):
they are here as what a check of explainers must find out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.maps import upsample
from xaibench.api.types import GridMaps, Images
from xaibench_explainers.grad_cam import grad_cam

RECTIFIERS = {"relu", "relu6"}
OTHERS = {
    "celu", "elu", "gelu", "hardswish", "hardtanh", "leaky_relu", "mish", "prelu", "rrelu", "selu",
    "silu", "softplus",
}  # fmt: skip


def guided_backprop(capture: Capture) -> GridMaps:
    """Magnitude of the guided gradient at each pixel, the largest of the colours.

    Raises:
        Unsupported: the network has no ReLU, or other activations too.
    """
    return guided_gradients(capture).abs().amax(1)


def guided_grad_cam(capture: Capture) -> GridMaps:
    """Grad-CAM, upsampled, times the guided gradient (Selvaraju et al. 2017, section 3.2).

    Raises:
        Unsupported: as guided back-propagation.
    """
    coarse = upsample(grad_cam(capture), capture.batch.images.shape[2:])
    return coarse * guided_backprop(capture)


def guided_gradients(capture: Capture) -> Images:
    """Gradients of the target logits, only what is positive passed down through each ReLU."""
    with Guided() as guided:
        gradients = capture.image_gradients_at(capture.batch.images, capture.batch.targets)
    if not guided.rectified:
        raise Unsupported("guided back-propagation is defined for networks of ReLUs; this has none")
    return gradients


class Guided(TorchFunctionMode):
    """While it is entered, every ReLU passes only positive gradients down.

    The network is not touched: it is the ReLU's output that filters its gradient, whether the ReLU is
    a module or a function, in place or not. ReLU6 is a ReLU here.

    Raises:
        Unsupported: an activation that is no ReLU is met.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rectified = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`; let a ReLU's output filter the gradient that comes back to it."""
        settings = dict(kwargs or {})
        name = getattr(func, "__name__", "").removesuffix("_")
        rectifies = name in RECTIFIERS or (name == "hardtanh" and is_relu6(args, settings))
        if name in OTHERS and not rectifies:
            raise Unsupported(f"guided back-propagation is defined for ReLU; this network has {name}")
        output = func(*args, **settings)
        if rectifies and isinstance(output, Tensor) and output.requires_grad:
            self.rectified += 1
            output.register_hook(torch.relu)
        return output


def is_relu6(args: Sequence[Any], settings: Mapping[str, Any]) -> bool:
    """Whether a hard tanh, called so, begins at 0: PyTorch's module of ReLU6 is one."""
    return bool((args[1] if len(args) > 1 else settings.get("min_val", -1.0)) == 0)
