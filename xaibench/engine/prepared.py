"""An exactly prepared copy of a network for the stream: the same probabilities, sooner.

The stream makes nearly all of a run's forwards and needs no activations from inside the network. So it
may run a copy in which batch norms are folded into the convolutions before them and the memory is laid
out channels last. The copy is tried against the plain network; where a probability differs by more
than TOLERANCE, or preparing fails, the plain network is used, and said so.
"""

import copy
import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xaibench.api.classifier import Classifier, frozen
from xaibench.api.types import Images, Logits

TOLERANCE = 1e-5
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class PreparedNetwork:
    """How the stream scores images.

    Args:
        forward: images to logits.
        folded: batch norms that were folded away; 0 where the plain network is used.
        error: largest difference to the plain network's probabilities, on noise.
        why_plain: why the plain network is used; empty where it is not.
    """

    forward: Callable[[Images], Logits]
    folded: int = 0
    error: float = 0.0
    why_plain: str = ""


def prepare_network(classifier: Classifier, image: Images) -> PreparedNetwork:
    """The prepared copy, or the plain network where the copy does not agree with it.

    Args:
        classifier: its network is not changed.
        image: (1, 3, H, W), of the size to come, on the network's device.
    """
    keep_freed_memory()
    noise = torch.randn(
        4, *image.shape[1:], generator=torch.Generator().manual_seed(0), dtype=image.dtype
    ).to(image.device)
    try:
        network = copy.deepcopy(classifier.network)
        with frozen(network):
            folded = fold_batch_norms(network, noise[:1])
        network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        forward = channels_last(network)
        error = (forward(noise).softmax(1) - classifier.logits(noise).softmax(1)).abs().max().item()
    except Exception as failure:  # a network that cannot be copied or folded still runs plain
        return PreparedNetwork(classifier.logits, why_plain=f"{type(failure).__name__}: {failure}")
    if not error <= TOLERANCE:
        why = f"the prepared copy's probabilities differ by {error:.1e}"
        return PreparedNetwork(classifier.logits, error=error, why_plain=why)
    return PreparedNetwork(forward, folded, error)


def channels_last(network: nn.Module) -> Callable[[Images], Logits]:
    """The forward of a network whose memory is laid out channels last."""

    def forward(images: Images) -> Logits:
        with torch.inference_mode():
            logits: Logits = network(images.contiguous(memory_format=torch.channels_last))
        return logits

    return forward


def fold_batch_norms(network: nn.Module, image: Images) -> int:
    """Fold each batch norm into the convolution whose output it reads, in place; how many.

    Which reads which is seen in a forward pass, not guessed from names. What a norm does besides, such
    as timm's norms with an activation, stays.
    """
    made: dict[int, tuple[str, nn.Conv2d, Tensor]] = {}
    pairs: list[tuple[str, nn.Conv2d, str, nn.BatchNorm2d]] = []

    def conv_made(name: str, module: nn.Conv2d) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            made[id(output)] = (name, module, output)  # held, so that its id is not given again

        return hook

    def norm_read(name: str, module: nn.BatchNorm2d) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if found := made.get(id(inputs[0])):
                pairs.append((found[0], found[1], name, module))

        return hook

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(conv_made(name, module)))
        elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            handles.append(module.register_forward_pre_hook(norm_read(name, module)))
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    for conv_name, conv, norm_name, norm in pairs:
        network.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
        network.set_submodule(norm_name, rest_of(norm))
    return len(pairs)


def rest_of(norm: nn.BatchNorm2d) -> nn.Module:
    """What a batch norm does besides normalising: nothing, or the activation that timm puts into it."""
    act = getattr(norm, "act", None)
    return act if isinstance(act, nn.Module) else nn.Identity()


@cache
def keep_freed_memory() -> None:
    """Let glibc keep freed memory: else each layer hands it back and faults it in again."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
