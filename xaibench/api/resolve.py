"""Finds a network's target layer, grid, linear head and attention, so that nobody has to name them.

By what the library says of its network where it says it (timm's `num_prefix_tokens`,
`patch_embed.grid_size`, `num_features`; torchvision's `image_size`, `patch_size`), and by a probe:
one forward and one backward on noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from xaibench.api.attention import attention_stack
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier, TargetLayer, as_is, frozen
from xaibench.api.errors import Unsupported
from xaibench.api.maps import tokens_to_grid
from xaibench.api.types import Images, Logits

POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
PASSING = (nn.Identity, nn.Dropout)  # give back what they got: the layer before has the better name


@dataclass(frozen=True)
class Output:
    """What a module gave back during the probe."""

    name: str
    module: nn.Module
    value: Tensor


def classifier_of(
    network: nn.Module,
    size: tuple[int, int],
    preprocess: Preprocess | None = None,
    target_layer: str | nn.Module | None = None,
    class_names: tuple[str, ...] = (),
) -> Classifier:
    """A Classifier of `network`, everything that was not given found by a probe.

    Args:
        network: (B, 3, H, W) to logits, (B, C).
        size: (height, width) of its input.
        preprocess: how it wants its images, where pictures are to be read.
        target_layer: a module or its path; None: the last whose output has a spatial grid and on
            whose every part the logits depend.
        class_names: for people.

    Raises:
        Unsupported: no module's output has such a grid, or the one named has not.
    """
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    dtype = next((weight.dtype for weight in network.parameters()), torch.float32)
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    outputs, logits = probe(network, noise.to(device, dtype))
    if target_layer is not None:
        outputs = [output for output in outputs if is_named(output, target_layer)]
    layer = last_with_grid(network, outputs, logits)
    if layer is None:
        raise Unsupported(
            f"no target layer found in {type(network).__name__}"
            + (f" at {target_layer!r}" if isinstance(target_layer, str) else "")
            + ": no output there has a spatial grid that the logits depend on; "
            "name one with target_layer="
        )
    head, norm = exact_head(network, layer, noise.to(device, dtype))
    attention, lacks = None, {}
    try:
        attention = attention_stack(network, noise.to(device, dtype), token_grid(network))
    except Unsupported as reason:
        lacks["attention"] = str(reason)
    return Classifier(network, (layer,), preprocess, head, norm, class_names, attention, lacks)


def probe(network: nn.Module, images: Images) -> tuple[list[Output], Logits]:
    """Every tensor that a module gave back, in the order they were made, and the logits."""
    outputs: list[Output] = []

    def record(name: str, module: nn.Module, args: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append(Output(name, module, output))

    handles = [
        module.register_forward_hook(partial(record, name))
        for name, module in network.named_modules()
        if name
    ]
    try:
        with frozen(network), torch.enable_grad():
            # clone: a first layer may work in place, which a leaf does not allow
            logits: Logits = network(images.requires_grad_().clone())
    finally:
        for handle in handles:
            handle.remove()
    return outputs, logits


def last_with_grid(network: nn.Module, outputs: list[Output], logits: Logits) -> TargetLayer | None:
    """The last module whose output is a grid and has a non-zero gradient away from its prefix."""
    pooled = {id(output.value) for output in outputs if isinstance(output.module, POOLING)}
    for output in reversed(outputs):
        to_grid = grid_of(network, output.value)
        unfit = id(output.value) in pooled or isinstance(output.module, PASSING)
        if to_grid is None or unfit or not output.value.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(
            logits.amax(1).sum(), output.value, retain_graph=True, allow_unused=True
        )
        if gradient is not None and bool(to_grid(gradient).any()):
            return TargetLayer(output.name, output.module, to_grid)
    return None


def grid_of(network: nn.Module, output: Tensor) -> Callable[[Tensor], Tensor] | None:
    """How to read `output` as (B, K, h, w) with more than one cell; None: it cannot be."""
    tokens = token_grid(network)
    if tokens is not None:
        prefix, grid, width = tokens
        fits = output.ndim == 3 and output.shape[1:] == (prefix + grid[0] * grid[1], width)
        return partial(tokens_to_grid, prefix=prefix, grid=grid) if fits else None
    if output.ndim != 4:
        return None
    channels = getattr(network, "num_features", None)
    last = output.shape[3] == channels and output.shape[1] != channels
    read = channels_first if last else as_is
    height, width = read(output).shape[2:]
    return read if height * width > 1 else None


def token_grid(network: nn.Module) -> tuple[int, tuple[int, int], int] | None:
    """Prefix tokens, (height, width) in patches, and width of the residual stream of a ViT."""
    patches = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    if patches is not None and hasattr(network, "num_prefix_tokens"):  # timm
        return int(network.num_prefix_tokens), tuple(patches), int(network.embed_dim)  # type: ignore[arg-type]
    if hasattr(network, "class_token") and hasattr(network, "hidden_dim"):  # torchvision
        side = int(network.image_size) // int(network.patch_size)  # type: ignore[arg-type]
        return 1, (side, side), int(network.hidden_dim)  # type: ignore[arg-type]
    return None


def channels_first(output: Tensor) -> Tensor:
    """(B, h, w, K) to (B, K, h, w)."""
    return output.permute(0, 3, 1, 2)


def exact_head(
    network: nn.Module, layer: TargetLayer, images: Images
) -> tuple[nn.Linear | None, nn.LayerNorm | None]:
    """The linear layer that makes the logits out of the mean activations, and the norm between them.

    Not read off the architecture but tried: the logits of the probe must come out again.
    """
    outputs, logits = probe(network, images)
    (activations,) = [layer.to_grid(o.value) for o in outputs if o.module is layer.module]
    pooled = activations.mean((2, 3))
    width = pooled.shape[1]
    made = [o.module for o in outputs if o.value is logits]
    heads = [head for head in made if isinstance(head, nn.Linear) and head.in_features == width]
    norms = [o.module for o in outputs if isinstance(o.module, nn.LayerNorm)]
    slack = 1e-4 * float(logits.detach().std())
    for head in heads:
        for norm in (None, *reversed([norm for norm in norms if norm.normalized_shape == (width,)])):
            again = head(pooled if norm is None else normalised(norm, pooled))
            if torch.allclose(again, logits, rtol=1e-3, atol=slack):
                return head, norm
    return None, None


def normalised(norm: nn.LayerNorm, vectors: Tensor) -> Tensor:
    """Layer norm of (B, K), whatever shape of tensor the module itself is made for."""
    return F.layer_norm(vectors, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def is_named(output: Output, target_layer: str | nn.Module) -> bool:
    """Whether `output` is that of the layer asked for."""
    if isinstance(target_layer, str):
        return output.name == target_layer
    return output.module is target_layer
