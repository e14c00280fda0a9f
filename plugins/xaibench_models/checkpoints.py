"""Weights from a file, from a library's cache, or drawn: never a pickle that could run code."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from xaibench.api import PluginError

FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
PRETRAINED, RANDOM = "pretrained", "random"  # anything else is a file
WRAPPERS = ("state_dict", "model")  # under which training scripts keep the weights
DRAWN = 0.02  # standard deviation of what a constructor left at zero


@contextmanager
def weights_only() -> Iterator[None]:
    """Have torch read tensors alone, also where a library does not ask it to: no pickle may run code."""
    before = os.environ.get(FORCE)
    os.environ[FORCE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCE]
        else:
            os.environ[FORCE] = before


@contextmanager
def same_draw() -> Iterator[None]:
    """Have random weights be the same every time, and leave everybody's random numbers as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def draw_zero_heads(network: nn.Module) -> None:
    """Draw the linear layers that a constructor left at zero, in place.

    A head of zeros makes the logits constant: no layer would have a gradient.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear) and not module.weight.any():
                nn.init.normal_(module.weight, std=DRAWN)


def load_checkpoint(network: nn.Module, path: str) -> None:
    """Fill `network` with the weights in a safetensors or torch file, in place.

    Args:
        network: its state dict's names, all of them and no others, are expected in the file; also
            under "state_dict" or "model", and with the prefix "module." of data parallel training.
        path: to the file.

    Raises:
        PluginError: the file cannot be read, or its tensors are not the network's; names the first.
    """
    weights = read_weights(Path(path).expanduser())
    expected = network.state_dict()
    whose = f"weights {path} do not fit {type(network).__name__}"
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    if missing or unexpected:
        faults = (("is missing", missing), ("is unexpected", unexpected))
        messages = [f"{names[0]!r} {fault} ({len(names)} in all)" for fault, names in faults if names]
        raise PluginError(f"{whose}: {', '.join(messages)}")
    for name, tensor in weights.items():
        if tensor.shape != expected[name].shape:
            raise PluginError(
                f"{whose}: {name!r} is {tuple(tensor.shape)}; expected {tuple(expected[name].shape)}"
            )
    network.load_state_dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU.

    Raises:
        PluginError: there is no such file, or it holds anything but tensors by name.
    """
    if not path.is_file():
        raise PluginError(f"there are no weights at {path}; expected 'random' or a file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken or malicious file has a dozen names
        reason = str(error).splitlines()[0]
        raise PluginError(f"{path} cannot be read: {type(error).__name__}: {reason}") from error
    for wrapper in WRAPPERS:
        if isinstance(weights, Mapping) and isinstance(weights.get(wrapper), Mapping):
            weights = weights[wrapper]
    if not isinstance(weights, Mapping) or not all(isinstance(t, Tensor) for t in weights.values()):
        raise PluginError(f"{path} holds no tensors by name")
    return {str(name).removeprefix("module."): tensor for name, tensor in weights.items()}
