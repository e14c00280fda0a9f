"""One forward and one backward on noise, everything that the modules gave back recorded."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from xaibench.api.classifier import frozen
from xaibench.api.types import Images, Logits


@dataclass(frozen=True, eq=False)
class Output:
    """What a module gave back.

    Args:
        name: the module's path.
        module: the module itself.
        value: the tensor.
        same: a number that outputs share where one module handed on what another had made.
    """

    name: str
    module: nn.Module
    value: Tensor
    same: int


@dataclass(frozen=True, eq=False)
class Probe:
    """A forward pass: every tensor that a module gave back, in the order they were made."""

    outputs: tuple[Output, ...]
    logits: Logits
    logits_are: int

    def gradients(self) -> list[Tensor | None]:
        """Of the largest logit, with respect to each output; None where it does not depend on it."""
        places = [i for i, output in enumerate(self.outputs) if output.value.requires_grad]
        score = self.logits.amax(1).sum()
        every_gradient: list[Tensor | None] = [None] * len(self.outputs)
        if not places or not score.requires_grad:
            return every_gradient
        values = [self.outputs[i].value for i in places]
        gradients = torch.autograd.grad(score, values, retain_graph=True, allow_unused=True)
        for i, gradient in zip(places, gradients, strict=True):
            every_gradient[i] = gradient
        return every_gradient


def noise_for(network: nn.Module, size: tuple[int, int], coarser: int = 1) -> Images:
    """(1, 3, H, W) of normal noise, always the same, of the network's dtype and on its device.

    Args:
        network: whose dtype and device.
        size: H and W.
        coarser: how many pixels wide its grains are: pictures have larger ones than noise.
    """
    weight = next(network.parameters(), torch.empty(0))
    grains = [-(-side // coarser) for side in size]
    noise = torch.randn(1, 3, *grains, generator=torch.Generator().manual_seed(0))
    whole = noise.repeat_interleave(coarser, 2).repeat_interleave(coarser, 3)
    return whole[:, :, : size[0], : size[1]].to(weight.device, weight.dtype)


def probe(network: nn.Module, images: Images) -> Probe:
    """A forward pass of (1, 3, H, W) through the network as it is while it is being explained."""
    outputs: list[Output] = []
    origin: dict[int, int] = {}
    held: list[Tensor] = []  # so that no id is given again

    def record(name: str, module: nn.Module, args: object, output: object) -> object:
        if not isinstance(output, Tensor):
            return None
        # What is handed on is a copy: a later step in place must not write to what was recorded.
        given = output.clone()
        held.append(given)
        origin[id(given)] = origin.get(id(output), len(held))
        outputs.append(Output(name, module, output, origin[id(given)]))
        return given

    handles = [
        module.register_forward_hook(partial(record, name))
        for name, module in network.named_modules()
        if name
    ]
    try:
        with frozen(network), torch.enable_grad():
            logits: Logits = network(images.detach().clone().requires_grad_().clone())
    finally:
        for handle in handles:
            handle.remove()
    return Probe(tuple(outputs), logits, origin.get(id(logits), 0))
