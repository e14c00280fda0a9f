"""Who reads what a layer has made: others, seen in a forward pass and not guessed from names; hooks."""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from xaibench.api.types import Images

Test = Callable[[nn.Module], bool]


def read_by(network: nn.Module, image: Images, makes: Test, reads: Test) -> list[tuple[str, str]]:
    """Names of each module whose output is the input of another, and of that other one.

    Only of modules that run once: what runs twice cannot be changed for one of its readers. Whether
    something else reads the output too cannot be seen; who changes a network checks what it gives.

    Args:
        network: is run once, and not changed.
        image: what on.
        makes: whether a module's output is looked for.
        reads: whether a module's input is looked at.
    """
    made: dict[int, tuple[str, Tensor]] = {}
    found: list[tuple[str, str]] = []
    runs: Counter[str] = Counter()

    def made_by(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            runs[name] += 1
            made[id(output)] = (name, output)  # held, so that its id is not given again

        return hook

    def about_to_read(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            runs[name] += 1
            if maker := made.get(id(inputs[0])):
                found.append((maker[0], name))

        return hook

    handles = []
    for name, module in network.named_modules():
        if makes(module):
            handles.append(module.register_forward_hook(made_by(name)))
        elif reads(module):
            handles.append(module.register_forward_pre_hook(about_to_read(name)))
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in found if all(runs[name] == 1 for name in pair)]


def hooked(module: nn.Module) -> bool:
    """Whether somebody wants to know when it runs, or what comes back through it."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
