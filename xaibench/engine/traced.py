"""Networks as graphs of what they did on some images, which their weights are constants of.

On a CPU oneDNN runs the parts of such a graph: sums, activations and attention's softmax in the products
they follow. It is made in a second or two, without a compiler, and is of one number of images, for which
oneDNN chooses how memory is laid out.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from xaibench.api.types import Images, Logits

FUSED = "oneDNNFusionGroup"  # what torch's graphs call a part that oneDNN runs
RUNS = 3  # what shapes there are, what can be fused, and the graph's first


class OneDnnGraph:
    """A network of which passes of one width run as a graph, and those of another as they did.

    Args:
        module: not on a GPU; its weights are constants of the graph.
        images: (B, 3, H, W), of whose number and size there is a graph from the beginning.

    Raises:
        RuntimeError: it cannot be traced, or oneDNN fuses nothing of it.
    """

    def __init__(self, module: nn.Module, images: Images) -> None:
        self._module = module
        self._image = images[:1]
        self._graph: Callable[[Images], Logits] = fused(module, images)
        self._width = len(images)

    def __call__(self, images: Images) -> Logits:
        """Logits of any number of images, of the size that the first had."""
        return self._graph(images) if len(images) == self._width else self._module(images)

    def settle(self, width: int) -> None:
        """Have a graph of this width instead.

        Raises:
            RuntimeError: oneDNN cannot make one; all passes run as they did.
        """
        if width == self._width:
            return
        self.give_up()  # its memory first, where there is little
        self._graph, self._width = fused(self._module, self._image.repeat(width, 1, 1, 1)), width

    def give_up(self) -> None:
        """Have no graph."""
        self._graph, self._width = self._module, 0


def fused(module: nn.Module, images: Images) -> Callable[[Images], Logits]:
    """The graph of a network for so many images, fused by oneDNN.

    Raises:
        RuntimeError: it cannot be traced, or oneDNN fuses nothing of it.
    """
    graph = frozen(module, images)
    with torch.no_grad(), fusing():
        for _ in range(RUNS):
            graph(images)
        ran = torch.jit.last_executed_optimized_graph()  # type: ignore[attr-defined]
        if FUSED not in str(ran):
            raise RuntimeError("oneDNN fuses nothing of it")
    return graph


def frozen(module: nn.Module, images: Images) -> torch.jit.ScriptModule:
    """The graph of what a network did on some images.

    Raises:
        RuntimeError: what it does depends on the images' values, or it cannot be traced.
    """
    with torch.no_grad(), NoneRead():  # type: ignore[no-untyped-call]
        module(images)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is said to go; where it has gone, others compile
        traced = torch.jit.trace(module, images, check_trace=False)
        found: torch.jit.ScriptModule = torch.jit.freeze(traced)
    return found


class NoneRead(TorchDispatchMode):
    """Refuses what gives a number for a tensor: a branch on it would be traced as it went once."""

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation as it is, or RuntimeError."""
        if torch.Tag.data_dependent_output in function.tags:
            raise RuntimeError("what it does depends on the values of its images")
        return function(*args, **(kwargs or {}))


@contextmanager
def fusing() -> Iterator[None]:
    """Inside, torch's graphs have what oneDNN can run fused by it."""
    before = torch.jit.onednn_fusion_enabled()
    torch.jit.enable_onednn_fusion(True)
    try:
        yield
    finally:
        torch.jit.enable_onednn_fusion(before)
