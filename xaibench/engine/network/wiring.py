"""Who reads what a layer has made: others, seen in a forward pass and not guessed from names; hooks."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xaibench.api.types import Images

Test = Callable[[nn.Module], bool]


@dataclass
class ModuleOutput:
    """What a module has made, and who reads it while it is as it was made.

    Args:
        by: the module's name.
        output: held, so that its id is not given again.
        version: of the output; what changes it in place counts on.
        readers: modules that were about to run with it as their input.
        read_by_others: whether an operation outside all of them has read or changed it.
    """

    by: str
    output: Tensor
    version: int
    readers: list[str] = field(default_factory=list)
    read_by_others: bool = False

    @property
    def unchanged(self) -> bool:
        """Whether it is what the module made."""
        return self.output._version == self.version


class EachOperation(TorchDispatchMode):
    """Shows each operation that runs inside, with what it is given, before it runs.

    Args:
        show: is called with the operation and its arguments, lists and keywords laid flat; what it
            raises comes out of the operation's place.
    """

    def __init__(self, show: Callable[[torch._ops.OpOverload, list[Any]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.show = show

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation as it is."""
        self.show(function, tree_leaves((args, kwargs or {})))
        return function(*args, **(kwargs or {}))


def read_by(network: nn.Module, image: Images, makes: Test, reads: Test) -> list[tuple[str, str]]:
    """Names of each module whose output is the input of one other and of nothing else, and of that one.

    Only of modules that run once: what runs twice cannot be changed for one of its readers. A sum that
    is added to an output in place reads it: what comes after reads the sum.

    Args:
        network: is run once, and not changed.
        image: what on.
        makes: whether a module's output is looked for.
        reads: whether a module's input is looked at.
    """
    every: list[ModuleOutput] = []
    latest: dict[int, ModuleOutput] = {}  # the latest, by the output's id
    runs: Counter[str] = Counter()
    running: list[str] = []  # those that read, one within another

    def unchanged(value: object) -> ModuleOutput | None:
        output = latest.get(id(value))
        return output if output and output.unchanged else None

    def note_reads(_operation: object, given: list[Any]) -> None:
        for value in given:
            if (output := unchanged(value)) and not set(output.readers) & set(running):
                output.read_by_others = True

    def made_by(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            runs[name] += 1
            if output.is_inference():  # a network's own mode: nobody can tell what changes it
                return
            every.append(ModuleOutput(name, output, output._version))
            latest[id(output)] = every[-1]

        return hook

    def about_to_read(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            runs[name] += 1
            if output := unchanged(inputs[0]):
                output.readers.append(name)
            running.append(name)

        return hook

    def has_read(_module: nn.Module, _inputs: object, _output: object) -> None:
        running.pop()

    handles = []
    for name, module in network.named_modules():
        if makes(module):
            handles.append(module.register_forward_hook(made_by(name)))
        elif reads(module):
            handles.append(module.register_forward_pre_hook(about_to_read(name)))
            handles.append(module.register_forward_hook(has_read))
    try:
        with (
            torch.no_grad(),
            EachOperation(note_reads),
        ):  # not inference mode, whose tensors count no changes
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    alone = [one for one in every if len(one.readers) == 1 and not one.read_by_others]
    pairs = [(one.by, one.readers[0]) for one in alone]
    return [pair for pair in pairs if all(runs[name] == 1 for name in pair)]


def hooked(module: nn.Module) -> bool:
    """Whether somebody wants to know when it runs, or what comes back through it."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
