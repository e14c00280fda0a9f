"""An exactly prepared copy of a network: the same probabilities and activations, sooner.

In the copy, batch norms are folded into the convolutions before them, activations are applied by the
layers before them, linear layers add their bias as they go, tokens that no logit is made of stop before
the last attention, and the memory is laid out channels last. It is tried against the plain network;
where a probability, or what the target layer does, differs by more than rounding, or preparing fails,
the plain network is used, and said so.
"""

import copy
import ctypes
import platform
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xaibench.api.capture import SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.types import Images, Logits
from xaibench.engine.network.fused import add_biases_at_once, fuse_activations
from xaibench.engine.network.one_token import ask_alone, run_alone
from xaibench.engine.network.wiring import read_by

TOLERANCE = 1e-5  # of a probability
LAYER_TOLERANCE = 1e-4  # of activations and gradients, as a share of the largest
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class Changes:
    """What is different in a prepared copy.

    Args:
        folded: batch norms that were folded away.
        fused: activations that the layer before them applies.
        at_once: linear layers that add their bias as they go.
        alone: whether the token that is read runs alone behind the last attention.
        asks_alone: whether it alone asks that attention.
    """

    folded: int = 0
    fused: int = 0
    at_once: int = 0
    alone: bool = False
    asks_alone: bool = False


@dataclass(frozen=True)
class PreparedNetwork:
    """What the shared pass and the stream run.

    Args:
        classifier: the prepared copy, or the plain one.
        forward: images to logits by it.
        changes: none where the plain network is used.
        error: largest difference to a probability of the plain network, on noise.
        layer_error: largest difference to an activation of its target layers, or to a gradient in the
            median image, as a share of the largest.
        why_plain: why the plain network is used; empty where it is not.
        compiled_by: what compiled `forward`; empty where nothing did.
        why_uncompiled: why nothing did, where it was asked for.
        mode_error: largest difference of `forward` to a probability of the network in its usual mode.
    """

    classifier: Classifier
    forward: Callable[[Images], Logits]
    changes: Changes = Changes()
    error: float = 0.0
    layer_error: float = 0.0
    why_plain: str = ""
    compiled_by: str = ""
    why_uncompiled: str = ""
    mode_error: float = 0.0

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "batch_norms_folded": self.changes.folded,
            "activations_fused": self.changes.fused,
            "biases_added_at_once": self.changes.at_once,
            "read_token_alone": self.changes.alone,
            "read_token_asks_alone": self.changes.asks_alone,
            "largest_probability_difference": self.error,
            "largest_layer_difference": self.layer_error,
            "why_plain": self.why_plain,
            "compiled_by": self.compiled_by,
            "why_uncompiled": self.why_uncompiled,
            "largest_probability_difference_of_mode": self.mode_error,
        }


def prepare_network(classifier: Classifier, image: Images) -> PreparedNetwork:
    """The prepared copy, or the plain network where the copy does not agree with it.

    Args:
        classifier: its network is not changed.
        image: (1, 3, H, W), of the size to come, on the network's device.
    """
    keep_freed_memory()
    noise = noise_like(image)
    try:
        prepared, changes = prepared_copy(classifier, noise[:1])
        ours, plain = SharedPass(prepared, noise), SharedPass(classifier, noise)
        error = float((ours.logits.softmax(1) - plain.logits.softmax(1)).abs().max())
        layer_error = largest_difference(ours, plain)
    except Exception as failure:  # a network that cannot be copied or folded still runs plain
        return as_it_is(classifier, f"{type(failure).__name__}: {failure}")
    if not error <= TOLERANCE:
        return as_it_is(classifier, f"the prepared copy's probabilities differ by {error:.1e}")
    if not layer_error <= LAYER_TOLERANCE:
        return as_it_is(classifier, f"the prepared copy's activations differ by {layer_error:.1e}")
    forward = torch.inference_mode()(prepared.network)
    return PreparedNetwork(prepared, forward, changes, error, layer_error)


def noise_like(image: Tensor) -> Tensor:
    """(4, 3, H, W) of noise, always the same, for a (1, 3, H, W)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, *image.shape[1:], generator=generator, dtype=image.dtype).to(image.device)


def as_it_is(classifier: Classifier, why: str = "") -> PreparedNetwork:
    """The plain network."""
    return PreparedNetwork(classifier, classifier.logits, why_plain=why)


def prepared_copy(classifier: Classifier, image: Images) -> tuple[Classifier, Changes]:
    """A copy of `classifier` that computes the same sooner, and what is different in it."""
    ours = copy.deepcopy(classifier)
    network = ours.network.eval().requires_grad_(False)
    path = {module: name for name, module in network.named_modules()}
    explained_modules = [layer.module for layer in ours.target_layers]
    folded = fold_batch_norms(network, image, spared=explained_modules)
    fused = fuse_activations(network, image, spared=explained_modules)
    kept = explained_modules if ours.head is None else [*explained_modules, ours.head]
    at_once = add_biases_at_once(network, image, spared=kept)
    layers = tuple(
        replace(layer, module=network.get_submodule(path[layer.module])) for layer in ours.target_layers
    )
    ours = replace(ours, target_layers=layers)
    alone = run_alone(ours, image)
    asking = ask_alone(ours, image) if alone else ours
    for weight in network.parameters():
        if weight.dim() == 4:  # a module's own way refuses networks with three-dimensional kernels
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    # A lambda, whose types nothing checks at run time: compilers trace it, and cannot trace a check.
    network.register_forward_pre_hook(
        lambda _, inputs: (inputs[0].contiguous(memory_format=torch.channels_last), *inputs[1:])
    )
    return asking, Changes(folded, fused, at_once, alone, asking is not ours)


def largest_difference(ours: SharedPass, plain: SharedPass) -> float:
    """Of activations and gradients at the target layers, as a share of the largest of each.

    Of gradients, the median over the images: in one of them a unit at a ReLU's kink, or two that a
    maximum is taken of, may fall either way by rounding, and what comes back is another path's.
    """
    targets = plain.logits.argmax(1)
    rows = range(len(targets))
    gradients = ours.logit_gradients(rows, targets), plain.logit_gradients(rows, targets)
    activations = [shares(*pair).max() for pair in zip(ours.outputs, plain.outputs, strict=True)]
    backwards = [shares(*pair).median() for pair in zip(*gradients, strict=True)]
    differences = torch.stack([share.cpu() for share in (*activations, *backwards)])
    return float(differences.max())  # Python's loses what is no number


def shares(copied: Tensor, exact: Tensor) -> Tensor:
    """(B,): largest difference of each first index, as a share of the largest of all; 0 without one."""
    differences = (copied - exact).detach().abs().flatten(1).amax(1)
    return differences / exact.detach().abs().max().clamp_min(torch.finfo(exact.dtype).tiny)


def fold_batch_norms(network: nn.Module, image: Images, spared: Collection[nn.Module] = ()) -> int:
    """Fold each batch norm into the convolution whose output it reads, in place; how many.

    What a norm does besides, such as timm's norms with an activation, stays. Convolutions in `spared`
    keep their output as it is.
    """
    pairs = read_by(
        network,
        image,
        makes=lambda module: isinstance(module, nn.Conv2d) and module not in spared,
        reads=lambda module: isinstance(module, nn.BatchNorm2d) and module.track_running_stats,
    )
    for maker, reader in pairs:
        conv, norm = network.get_submodule(maker), network.get_submodule(reader)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        network.set_submodule(maker, fuse_conv_bn_eval(conv, norm))
        network.set_submodule(reader, rest_of(norm))
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
