"""A network made ready to be explained."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

import torch
from torch import Tensor, nn

from xaibench.api.batch import Preprocess
from xaibench.api.types import Images, Logits

CHANNELS_FIRST, CHANNELS_LAST, TOKENS = "channels first", "channels last", "tokens"


def as_is(output: Tensor) -> Tensor:
    """Return a convolutional output unchanged: it is a grid already."""
    return output


@dataclass(frozen=True)
class TargetLayer:
    """The module whose output is explained, and how that output lies on the image.

    Args:
        name: its path in the network.
        module: the module itself.
        to_grid: from its output to (B, K, h, w).
        layout: what that output is, for people: "channels first", "channels last" or "tokens".
    """

    name: str
    module: nn.Module
    to_grid: Callable[[Tensor], Tensor] = as_is
    layout: str = CHANNELS_FIRST


@dataclass(frozen=True)
class AttentionStack:
    """Blocks in a row, each attending over all tokens, and where the tokens lie on the image.

    Args:
        blocks: path in the network of each block, first to last.
        attentions: path of the attention module in each.
        prefix: how many class and register tokens come first; they have no place in the image.
        grid: (h, w) of the patches, which follow them row by row.
        read: the tokens that the logits are made of: (0,) with a class token, all patches where pooled.
    """

    blocks: tuple[str, ...]
    attentions: tuple[str, ...]
    prefix: int
    grid: tuple[int, int]
    read: tuple[int, ...]


@dataclass(frozen=True)
class Classifier:
    """A network, where it is looked into, and how that place maps onto the image.

    Nothing of the network is changed for good: it is frozen only while it is being used.

    Args:
        network: (B, 3, H, W) to logits, (B, C).
        target_layers: shallow to deep; the last is the one that most explainers use.
        preprocess: how the network wants its images.
        head: the linear layer, where `logits == head(activations.mean((2, 3)))` holds exactly.
        head_norm: a layer norm between that mean and the head, as ConvNeXt has.
        class_names: for people.
        attention: its blocks, where the attention of every one is over all tokens.
        lacks: why it does not provide what explainers may need ("attention"), as a clause.
        label_space: what its classes index, such as "imagenet-1k", where its weights say so.
    """

    network: nn.Module
    target_layers: tuple[TargetLayer, ...]
    preprocess: Preprocess | None = None
    head: nn.Linear | None = None
    head_norm: nn.LayerNorm | None = None
    class_names: tuple[str, ...] = ()
    attention: AttentionStack | None = None
    lacks: Mapping[str, str] = field(default_factory=dict, hash=False)
    label_space: str = ""

    @property
    def target_layer(self) -> TargetLayer:
        """The deepest of the target layers."""
        return self.target_layers[-1]

    @property
    def provides(self) -> frozenset[str]:
        """What explainers may need of it."""
        facts = {"activations", "gradients", "image-gradients"}
        facts |= {"linear-head"} if self.head is not None else set()
        facts |= {"several-layers"} if len(self.target_layers) > 1 else set()
        facts |= {"attention"} if self.attention is not None else set()
        return frozenset(facts)

    def logits(self, images: Images) -> Logits:
        """Class scores before softmax, without a graph."""
        with frozen(self.network), torch.inference_mode():
            logits: Logits = self.network(images)
        return logits

    def class_name(self, target: int) -> str:
        """For people; "class 7" where the network has no names."""
        known = 0 <= target < len(self.class_names)
        return self.class_names[target] if known else f"class {target}"

    def weights_sha(self) -> str:
        """SHA-256 of every parameter and buffer with its name, the same wherever it is loaded."""
        digest = sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients for the weights; all as before afterwards, also on errors."""
    modes = [(module, module.training) for module in network.modules() if module.training]
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        for module, _ in modes:
            module.training = False
        for weight in weights:
            weight.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for weight in weights:
            weight.requires_grad_(True)
