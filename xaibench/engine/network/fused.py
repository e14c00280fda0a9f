"""Layers that apply the activation after them themselves, on a CPU: one pass over memory less each.

And linear layers that add their bias as they go, where torch's copies it first. By oneDNN's operations
for it, which torch's compilers use too.
"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from xaibench.api.types import Images
from xaibench.engine.network.wiring import hooked, read_by

Applied = tuple[str, list[float], str]  # oneDNN's name of an activation, its numbers, its algorithm
NOTHING: Applied = ("none", [], "")
APPLIED: dict[str, Callable[[nn.Module], Applied]] = {
    "ReLU": lambda _: ("relu", [], ""),
    "ReLU6": lambda _: ("hardtanh", [0.0, 6.0], ""),
    "SiLU": lambda _: ("swish", [], ""),
    "Hardswish": lambda _: ("hardswish", [], ""),
    "GELU": lambda module: ("gelu", [], getattr(module, "approximate", "none")),
}


class Fused(nn.Module):
    """A layer and the activation that alone reads its output.

    The operations that do both at once know no gradients, and no dtype but float32. So where a gradient
    is recorded, in another dtype, under a compiler, and to who has hooked one of the two, they run one
    after the other, as they did.
    """

    def __init__(self, layer: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.activation = activation
        self._applied = applied(activation)

    def forward(self, inputs: Tensor) -> Tensor:
        """What the activation makes of what the layer makes of `inputs`."""
        layer = self.layer
        if self._as_they_were(inputs):
            outputs: Tensor = self.activation(layer(inputs))
        elif isinstance(layer, nn.Conv2d):
            shape = (list(layer.padding), list(layer.stride), list(layer.dilation), layer.groups)
            outputs = torch.ops.mkldnn._convolution_pointwise(
                inputs, layer.weight, layer.bias, *shape, *self._applied
            )
        else:
            outputs = torch.ops.mkldnn._linear_pointwise(
                inputs, layer.weight, layer.bias, *self._applied
            )
        return outputs

    def _as_they_were(self, inputs: Tensor) -> bool:
        weight = self.layer.weight
        assert isinstance(weight, Tensor)
        return not at_once(inputs, weight) or hooked(self.layer) or hooked(self.activation)


class AtOnce(nn.Linear):
    """A linear layer that adds its bias as it goes, where no gradient is recorded: as `Fused` does.

    Args:
        layer: whose weights it shares.
    """

    def __init__(self, layer: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        if not at_once(inputs, self.weight):
            return super().forward(inputs)
        outputs: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, *NOTHING)
        return outputs


def at_once(inputs: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN's operations can be used: they know no gradients, and no dtype but float32."""
    recorded = inputs.requires_grad or weight.requires_grad
    return not (
        (recorded and torch.is_grad_enabled())
        or inputs.dtype != torch.float32
        or weight.dtype != torch.float32
        or torch.is_autocast_enabled(inputs.device.type)
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    )


def fuse_activations(network: nn.Module, image: Images, spared: Collection[nn.Module] = ()) -> int:
    """Put each layer and the activation that reads its output into one, in place; how many.

    Layers in `spared` keep their output as it is. Nothing is done on a GPU, or where torch lacks oneDNN.
    """
    if not can_fuse(image):
        return 0
    pairs = read_by(
        network,
        image,
        makes=lambda module: fusible(module) and module not in spared,
        reads=lambda module: type(module).__name__ in APPLIED,
    )
    for layer, activation in pairs:
        both = Fused(network.get_submodule(layer), network.get_submodule(activation))
        network.set_submodule(layer, both)
        network.set_submodule(activation, nn.Identity())
    return len(pairs)


def add_biases_at_once(network: nn.Module, image: Images, spared: Collection[nn.Module] = ()) -> int:
    """Have each linear layer left add its bias as it goes, in place; how many.

    Layers in `spared`, and those that somebody has hooked, stay. As for `fuse_activations`, on a CPU.
    """
    if not can_fuse(image):
        return 0
    fused = {module.layer for module in network.modules() if isinstance(module, Fused)}
    left = [
        (name, module)
        for name, module in network.named_modules()
        if type(module) is nn.Linear
        and module.bias is not None
        and module not in fused
        and module not in spared
        and not hooked(module)
    ]
    for name, module in left:
        network.set_submodule(name, AtOnce(module))
    return len(left)


def can_fuse(image: Images) -> bool:
    """Whether oneDNN is there for images like this one."""
    return image.device.type == "cpu" and torch.backends.mkldnn.is_available()


def fusible(module: nn.Module) -> bool:
    """Whether it is a layer of torch's own kinds: what inherits from them may do more."""
    return type(module) is nn.Linear or (
        type(module) is nn.Conv2d
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )


def applied(activation: nn.Module) -> Applied:
    """How oneDNN calls it."""
    return APPLIED[type(activation).__name__](activation)
