"""The network lent to Captum, and what Captum must not do to it."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaibench.api.capture import Capture

ACTIVATIONS = {
    "celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "prelu",
    "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh",
}  # fmt: skip


@contextmanager
def lent(capture: Capture, own_weights: bool = False) -> Iterator[nn.Module]:
    """A copy of the network for Captum to hook into, nothing in it working in place.

    It shares the weights, so that it costs no memory; `own_weights` where Captum writes to them. What it
    forwards is counted on the capture: the copy has the hooks that count.
    """
    with capture.network() as network, quiet():
        shared = [] if own_weights else [*chain(network.parameters(), network.buffers())]
        copied: nn.Module = deepcopy(network, {id(tensor): tensor for tensor in shared})
        for module in copied.modules():
            if hasattr(module, "inplace"):
                module.inplace = False  # type: ignore[assignment]
        yield copied


@contextmanager
def quiet() -> Iterator[None]:
    """Captum warns of each hook that it sets, and takes off."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"captum\.")
        yield


def leaves(capture: Capture) -> Tensor:
    """The batch's images, (B, 3, H, W), where gradients can be asked for."""
    return capture.batch.images.detach().clone().requires_grad_()


@dataclass
class Steps:
    """What a network computes in one forward.

    Args:
        inside: functions called by modules that have none below them.
        outside: functions called by no such module.
        calls: how often each of them was called.
    """

    inside: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    calls: Counter[nn.Module] = field(default_factory=Counter)

    @property
    def loose_activations(self) -> list[str]:
        """Activations that are no modules, which Captum does not see."""
        return sorted(ACTIVATIONS & set(self.outside))

    @property
    def activations(self) -> set[str]:
        """All of them."""
        return ACTIVATIONS & {*self.inside, *self.outside}


def steps_of(network: nn.Module, image: Tensor) -> Steps:
    """What the network computes of one image, (1, 3, H, W)."""
    steps, within = Steps(), [0]

    def enter(module: nn.Module, inputs: object) -> None:
        within[0] += 1
        steps.calls[module] += 1

    def leave(module: nn.Module, inputs: object, output: object) -> None:
        within[0] -= 1

    class Noting(TorchFunctionMode):
        def __torch_function__(
            self,
            func: Callable[..., Any],
            types: Sequence[type],
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:
            name = getattr(func, "__name__", "").strip("_")
            (steps.inside if within[0] else steps.outside)[name] += 1
            return func(*args, **dict(kwargs or {}))

    handles = []
    for module in network.modules():
        if not list(module.children()):
            handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        with torch.no_grad(), Noting():
            network(image.detach().clone())
    finally:
        for handle in handles:
            handle.remove()
    return steps
