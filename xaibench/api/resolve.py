"""Finds a network's target layer, grid, linear head and attention, so that nobody has to name them.

By a probe, one forward and one backward on noise, and by what the library says of its network.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from xaibench.api.attention import attention_stack
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import CHANNELS_FIRST, Classifier, TargetLayer
from xaibench.api.errors import Unsupported
from xaibench.api.layout import Layout, declared_tokens, layouts_of
from xaibench.api.probe import Output, Probe, noise_for, probe

POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
PASSING = (nn.Identity, nn.Dropout)  # give back what they got: the layer before has the better name


@dataclass(frozen=True, eq=False)
class Candidate:
    """An output that could be explained: it has a grid, and the logits depend on its cells."""

    output: Output
    layout: Layout

    @property
    def layer(self) -> TargetLayer:
        """As what a Classifier is looked into at."""
        return TargetLayer(self.output.name, self.output.module, self.layout.to_grid, self.layout.name)


GRAINS = (1, 4, 16)  # pixels; the units of a small network may all be silent on the finest noise


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
        target_layer: a module or its path; None: the last of the residual stream whose output has a
            spatial grid and on whose cells the logits depend.
        class_names: for people.

    Raises:
        Unsupported: no module's output has such a grid, or the one named has not.
    """
    for grains in GRAINS:
        probed = probe(network, noise_for(network, size, grains))
        candidates = candidates_of(network, probed, size)
        if candidates:
            break
    chosen = (
        last_of_the_stream(network, probed, candidates)
        if target_layer is None
        else named(network, probed, candidates, target_layer)
    )
    head, norm = exact_head(probed, chosen)
    attention, lacks = None, {}
    try:
        attention = attention_stack(network, noise_for(network, size), declared_tokens(network))
    except Unsupported as reason:
        lacks["attention"] = str(reason)
    return Classifier(network, (chosen.layer,), preprocess, head, norm, class_names, attention, lacks)


def candidates_of(network: nn.Module, seen: Probe, size: tuple[int, int]) -> list[Candidate]:
    """Every output with a grid that has a gradient of the largest logit at its cells, in order.

    What a class token alone hands on has none: past the last attention, patches reach no logit.
    """
    layouts = layouts_of(network, [(o.module, o.value) for o in seen.outputs], size)
    return [
        Candidate(output, layout)
        for output, layout, gradient in zip(seen.outputs, layouts, seen.gradients(), strict=True)
        if layout is not None and gradient is not None and bool(layout.to_grid(gradient).any())
    ]


def last_of_the_stream(network: nn.Module, seen: Probe, candidates: Sequence[Candidate]) -> Candidate:
    """The last candidate that is a block's, a norm's or a convolution's output.

    Poolings have coarser grids than what they pool; linear layers on tokens are queries, keys and
    values; a module that runs twice has no one output.
    """
    pooled = {output.same for output in seen.outputs if isinstance(output.module, POOLING)}
    runs = Counter(output.module for output in seen.outputs)
    for candidate in reversed(candidates):
        output, layout = candidate.output, candidate.layout
        inside = isinstance(output.module, nn.Linear) and layout.name != CHANNELS_FIRST
        passing = isinstance(output.module, PASSING)
        if not (inside or passing or output.same in pooled or runs[output.module] > 1):
            return candidate
    raise Unsupported(
        f"no target layer found in {type(network).__name__}: no output there has a spatial grid that "
        "the logits depend on; name one with target_layer="
    )


def named(
    network: nn.Module, seen: Probe, candidates: Sequence[Candidate], target_layer: str | nn.Module
) -> Candidate:
    """The candidate that is the layer asked for; says what is wrong with it where it is none."""

    def asked_for(output: Output) -> bool:
        return target_layer in (output.name, output.module)

    matching = [candidate for candidate in candidates if asked_for(candidate.output)]
    if len(matching) == 1:
        return matching[0]
    what = repr(target_layer) if isinstance(target_layer, str) else type(target_layer).__name__
    start = f"no target layer found in {type(network).__name__} at {what}: "
    if matching:
        raise Unsupported(f"{start}it runs {len(matching)} times in a forward pass")
    shapes = [tuple(output.value.shape) for output in seen.outputs if asked_for(output)]
    offered = [candidate.output.name for candidate in candidates]
    meant = get_close_matches(what.strip("'"), offered, n=1) or offered[-1:]
    raise Unsupported(
        start
        + (
            f"its output, {shapes[0]}, has no spatial grid that the logits depend on"
            if shapes
            else "no such module gave back a tensor"
        )
        + (f"; target_layer={meant[0]!r} has" if meant else "")
    )


def exact_head(seen: Probe, found: Candidate) -> tuple[nn.Linear | None, nn.LayerNorm | None]:
    """The linear layer that makes the logits out of the mean activations, and the norm between them.

    Not read off the architecture but tried: the logits of the probe must come out again.
    """
    pooled = found.layout.to_grid(found.output.value).mean((2, 3))
    width = pooled.shape[1]
    last_modules = [o.module for o in seen.outputs if o.same == seen.logits_are]
    heads = [head for head in last_modules if isinstance(head, nn.Linear) and head.in_features == width]
    norms = [o.module for o in seen.outputs if isinstance(o.module, nn.LayerNorm)]
    slack = 1e-4 * float(seen.logits.detach().std())
    for head in heads:
        for norm in (None, *reversed([norm for norm in norms if norm.normalized_shape == (width,)])):
            again = head(pooled if norm is None else normalised(norm, pooled))
            if torch.allclose(again, seen.logits, rtol=1e-3, atol=slack):
                return head, norm
    return None, None


def normalised(norm: nn.LayerNorm, vectors: Tensor) -> Tensor:
    """Layer norm of (B, K), whatever shape of tensor the module itself is made for."""
    return F.layer_norm(vectors, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
