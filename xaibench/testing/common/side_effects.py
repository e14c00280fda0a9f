"""What plugins may leave behind: hooks, modes, weights, tensors written to, memory that is kept."""

import gc
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xaibench.testing.common.comparisons import same
from xaibench.testing.common.contract import Broken

ROUNDS = 3  # equal calls, of which the first may fill a cache


def state_of(network: nn.Module) -> dict[str, object]:
    """All that a plugin could leave otherwise, hooks excepted, each with what it is called."""
    state: dict[str, object] = {}
    for path, module in network.named_modules():
        of = f"of {path or 'the network'}"
        state[f"training {of}"] = module.training
        if hasattr(module, "inplace"):
            state[f"inplace {of}"] = module.inplace
        if hasattr(module, "fused_attn"):
            state[f"fused_attn {of}"] = module.fused_attn
    for path, weight in network.named_parameters():
        state[f"requires_grad of {path}"] = weight.requires_grad
        state[f"the gradient of {path}"] = None if weight.grad is None else "there"
        state[f"the values of {path}"] = weight.detach().clone()
    for path, buffer in network.named_buffers():
        state[f"the values of buffer {path}"] = buffer.clone()
    return state


def difference(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """The first thing that is otherwise; empty where nothing is."""
    for what in (*before, *after):
        old, new = before.get(what), after.get(what)
        if isinstance(old, Tensor) and isinstance(new, Tensor):
            if not same(old, new):
                return f"{what} changed"
        elif old is not new and old != new:
            return f"{what} was {old} and is {new}"
    return ""


def hooks_of(network: nn.Module) -> dict[str, int]:
    """How many hooks of each kind each module has, and each parameter."""
    counts = {
        f"{len(hooks)} {kind.strip('_')} on {path or 'the network'} ({type(module).__name__})": len(
            hooks
        )
        for path, module in network.named_modules()
        for kind, hooks in vars(module).items()
        if kind.endswith("_hooks") and hooks
    }
    for path, weight in network.named_parameters():
        if hooks := getattr(weight, "_backward_hooks", None):
            counts[f"{len(hooks)} hooks on parameter {path}"] = len(hooks)
    return counts


class Unwritten:
    """Shared tensors, each with its name, that nobody may write to."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)
        self._versions = {name: tensor._version for name, tensor in tensors.items()}
        self._values = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def check(self) -> None:
        """Raise Broken where one was written to, also with what it held."""
        for name, tensor in self._tensors.items():
            written = tensor._version - self._versions[name]
            if written or not same(tensor, self._values[name]):
                raise Broken(
                    "tensors that others share are as they were, `_version` and values",
                    f"{name} was written to in place, {max(1, written)} times",
                )


@contextmanager
def global_draws(seed: int) -> Iterator[None]:
    """Python's, NumPy's and torch's own generators at `seed`; as before afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


class Kept(TorchDispatchMode):
    """While it is entered, the storages that operations make; which of them are alive is asked later."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`; note the storages of its outputs."""
        output = func(*args, **dict(kwargs or {}))
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                held = StorageWeakRef(storage)
                self._made[held.cdata] = (held, storage.nbytes())
        return output

    def alive(self) -> int:
        """Bytes of those made and still there."""
        self._made = {
            place: (held, size) for place, (held, size) in self._made.items() if not held.expired()
        }
        return sum(size for _, size in self._made.values())


def check_memory(call: Callable[[], object]) -> None:
    """Raise Broken where each of several equal calls leaves more tensors alive than the one before."""
    counts = []
    gc.freeze()  # what is there already need not be looked at again and again
    try:
        with Kept() as kept:
            for _ in range(ROUNDS):
                call()
                gc.collect()
                counts.append(kept.alive())
    finally:
        gc.unfreeze()
    if all(later > earlier for earlier, later in pairwise(counts)):
        raise Broken(
            f"{ROUNDS} equal calls keep no more than one",
            f"{(counts[-1] - counts[0]) // (ROUNDS - 1)} bytes of tensors more are alive after each",
        )
