"""The attention of a transformer's blocks, with its gradients, and which transformers give it.

Fused attention never makes the softmaxed (heads, T, T) tensor, so it is off for the one pass in which
that tensor is looked at: in timm's modules by their `fused_attn`; torch's `MultiheadAttention`, which
has no such switch, is written out for that pass.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from xaibench.api.classifier import AttentionStack, Classifier, frozen
from xaibench.api.errors import Unsupported
from xaibench.api.layout import Tokens
from xaibench.api.types import Images, Logits, Scores, Targets

TOLERANCE = 1e-4  # of the logits without fused attention, as a share of the largest, and of row sums


@runtime_checkable
class Counts(Protocol):
    """Who is told of passes made: images sent forward, and backward passes."""

    forwards: int
    backwards: int


class Attentions:
    """Every block's attention on some images, from one forward with fused attention off for it alone.

    Each block's tokens are also sent through what stands behind the last block, so that logits can be
    read out of them as if the network ended there. Its tensors are shared, so nobody writes to them.

    Args:
        classifier: whose blocks are looked at.
        images: of the trials, (B, 3, H, W).
        targets: whose logits the gradients are of.
        counts: told of the forward, and of each backward.

    Raises:
        Unsupported: the classifier provides no attention.
    """

    def __init__(self, classifier: Classifier, images: Images, targets: Targets, counts: Counts) -> None:
        if classifier.attention is None:
            raise Unsupported(classifier.lacks.get("attention", "it provides no attention"))
        self.stack = classifier.attention
        self._targets, self._counts = targets, counts
        counts.forwards += len(images)
        self._seen = attend(classifier.network, self.stack, images)
        self.weights = [weights.detach() for weights in self._seen.weights]
        self.logits: Logits = self._seen.logits[-1].detach()

    @cached_property
    def gradients(self) -> list[Tensor]:
        """Of each trial's target logit, for every block's attention, (B, heads, T, T); one backward."""
        self._counts.backwards += 1
        return list(torch.autograd.grad(self._scores(-1).sum(), self._seen.weights, retain_graph=True))

    def own_gradients(self, block: int) -> Tensor:
        """Of the target logit read out of that block's own tokens, for its attention, (B, heads, T, T).

        For the last block they are among `gradients`; for another they take a backward of their own,
        through that block and what stands behind the last one.
        """
        recorded, last = self._seen, len(self.weights) - 1
        if block == last:
            return self.gradients[last]
        self._counts.backwards += 1
        (arriving,) = torch.autograd.grad(
            self._scores(block).sum(), recorded.ends[block], retain_graph=True
        )
        (gradient,) = torch.autograd.grad(
            recorded.tokens[block], recorded.weights[block], arriving, retain_graph=True
        )
        return gradient

    def _scores(self, block: int) -> Scores:
        scores: Scores = self._seen.logits[block].gather(1, self._targets[:, None])[:, 0]
        return scores

    def read(self, queries: Tensor) -> Tensor:
        """Mean over the tokens that the logits are made of: the class token, or all patches.

        Args:
            queries: (..., T, T) or (..., T, N), a row a query.

        Returns:
            (..., T) or (..., N).
        """
        read: Tensor = queries[..., list(self.stack.read), :].mean(-2)
        return read

    def on_grid(self, tokens: Tensor) -> Tensor:
        """(..., T), a number a token, to (..., h, w): the patches, without class and register tokens."""
        patches: Tensor = tokens[..., self.stack.prefix :].unflatten(-1, self.stack.grid)
        return patches


@dataclass
class Seen:
    """What one forward showed of its blocks, first to last, all of it on the graph.

    Args:
        weights: each block's softmaxed attention, (n, heads, T, T); the graph begins at the first.
        tokens: each block's output, (n, T, D).
        ends: the same tokens where they go on to the logits: those of the last block, and cut off
            from the blocks' graph, those of the others.
        logits: read out of the `ends`, (blocks, n, C); the last are the network's own.
    """

    weights: list[Tensor] = field(default_factory=list)
    tokens: list[Tensor] = field(default_factory=list)
    ends: list[Tensor] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))


def attend(network: nn.Module, stack: AttentionStack, images: Images) -> Seen:
    """One forward with fused attention off; what stands behind the blocks gets the tokens of each.

    It gets them as one batch, (blocks * n, T, D), whatever it is: a norm, a pooling, a head or two.
    """
    with frozen(network), written_out(network, stack) as recorded, torch.enable_grad():
        logits: Tensor = network(images.detach().clone())
    recorded.logits = logits.unflatten(0, (len(stack.blocks), len(images)))
    return recorded


@contextmanager
def written_out(network: nn.Module, stack: AttentionStack) -> Iterator[Seen]:
    """Fused attention off, and what the blocks do seen; all as before afterwards, also on errors."""
    recorded = Seen()
    blocks = [network.get_submodule(path) for path in stack.blocks]
    modules = [network.get_submodule(path) for path in stack.attentions]
    switches = [(module, module.fused_attn) for module in modules if hasattr(module, "fused_attn")]

    def note(weights: Tensor) -> Tensor:
        recorded.weights.append(weights if weights.requires_grad else weights.detach().requires_grad_())
        return recorded.weights[-1]

    def dropped(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return note(output)  # in evaluation a dropout gives back what it got: the softmaxed tensor

    def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
        recorded.tokens.append(output)

    def send_all_on(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        recorded.ends = [tokens.detach().requires_grad_() for tokens in recorded.tokens[:-1]] + [output]
        return torch.cat(recorded.ends)

    handles = []
    try:
        for module, _ in switches:
            module.fused_attn = False  # type: ignore[assignment]
        for module in modules:
            if isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_hook(partial(multihead, note=note)))
            else:
                handles.append(module.get_submodule("attn_drop").register_forward_hook(dropped))
        handles += [block.register_forward_hook(keep) for block in blocks]
        handles.append(blocks[-1].register_forward_hook(send_all_on))
        yield recorded
    finally:
        for handle in handles:
            handle.remove()
        for module, fused in switches:
            module.fused_attn = fused


def multihead(
    module: nn.MultiheadAttention,
    inputs: tuple[Tensor, ...],
    output: object,
    note: Callable[[Tensor], Tensor],
) -> tuple[Tensor, None]:
    """What torch's self-attention gives back, its softmax written out: a hook that takes its place.

    Raises:
        Unsupported: it is not plain self-attention on (n, T, D).
    """
    alike = len(inputs) >= 3 and inputs[0] is inputs[1] is inputs[2]
    if not alike or not module.batch_first or module.in_proj_weight is None:
        raise Unsupported("its attention is not plain self-attention on (n, T, D)")
    projected = nn.functional.linear(inputs[0], module.in_proj_weight, module.in_proj_bias)
    query, key, value = projected.unflatten(2, (3, module.num_heads, -1)).permute(2, 0, 3, 1, 4)
    scores = query @ key.mT / module.head_dim**0.5
    mixed = note(scores.softmax(-1)) @ value
    return module.out_proj(mixed.transpose(1, 2).flatten(2)), None


def attention_stack(network: nn.Module, images: Images, tokens: Tokens | None) -> AttentionStack:
    """The blocks of `network`, found by their structure and tried on `images`.

    Args:
        network: any classifier.
        images: a few, such as noise.
        tokens: how its tokens lie, where that is known.

    Raises:
        Unsupported: not every block's attention can be read, or it is not over all tokens.
    """
    modules = attention_modules(network)
    windowed = any(getattr(module, "window_size", None) for module in network.modules())
    if not modules or tokens is None:
        if windowed:
            raise Unsupported("its attention is windowed")
        if modules:
            raise Unsupported("its attention is on no grid that is known")
        raise Unsupported("it has no attention that can be read")
    prefix, grid = tokens.prefix, tokens.grid
    blocks = tuple(block_of(network, path, modules) for path in modules)
    if len({path.rpartition(".")[0] for path in blocks}) != 1:
        raise Unsupported("its blocks with attention do not stand in one row")
    stack = AttentionStack(blocks, tuple(modules), prefix, grid, read=())
    try:
        recorded = attend(network, stack, images)
        read = tokens_read(recorded, prefix)
    except Unsupported:
        raise
    except Exception as error:  # what a network does whose attention is no plain self-attention
        raise Unsupported(f"its attention cannot be read: {type(error).__name__}: {error}") from error
    check(stack, recorded.weights, len(images), windowed)
    plain, logits = logits_of(network, images), recorded.logits[-1].detach()
    if not float((logits - plain).abs().max()) <= TOLERANCE * max(1.0, float(plain.abs().max())):
        raise Unsupported("its logits are others with fused attention off")
    if not read:
        raise Unsupported("its logits depend on no token")
    return replace(stack, read=read)


def attention_modules(network: nn.Module) -> list[str]:
    """Paths of torch's and timm's attention modules: the latter apply an `attn_drop` to the softmax."""
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.MultiheadAttention)
        or isinstance(getattr(module, "attn_drop", None), nn.Module)
    ]


def block_of(network: nn.Module, path: str, modules: list[str]) -> str:
    """The largest module with this attention alone: its output has the skip connection in it."""
    others = [other for other in modules if other != path]
    while parent := path.rpartition(".")[0]:
        row = isinstance(network.get_submodule(parent), nn.ModuleList | nn.Sequential)
        if row or any(other.startswith(f"{parent}.") for other in others):
            break
        path = parent
    return path


def check(stack: AttentionStack, weights: list[Tensor], count: int, windowed: bool) -> None:
    """Every block's attention must be a softmax over all tokens.

    Raises:
        Unsupported: it is not.
    """
    height, width = stack.grid
    tokens = stack.prefix + height * width
    if len(weights) != len(stack.blocks):
        raise Unsupported(f"{len(weights)} of its {len(stack.blocks)} blocks made their attention")
    for attention in weights:
        if attention.ndim != 4 or (attention.shape[0], *attention.shape[2:]) != (count, tokens, tokens):
            if windowed or len(attention) != count:
                raise Unsupported("its attention is windowed")
            raise Unsupported(
                f"its attention is over {tuple(attention.shape[2:])} tokens; expected all {tokens}: "
                f"{stack.prefix} class and register tokens and {height} x {width} patches"
            )
        if not bool((attention.sum(-1) - 1).abs().max() <= TOLERANCE) or bool((attention < 0).any()):
            raise Unsupported("its attention does not add up to 1 over the tokens")


def tokens_read(seen: Seen, prefix: int) -> tuple[int, ...]:
    """Those tokens of the last block that the logits depend on: all patches, where on any patch."""
    tokens, logits = seen.tokens[-1], seen.logits[-1]
    (gradient,) = torch.autograd.grad(logits.amax(1).sum(), tokens, retain_graph=True)
    used: list[int] = gradient.ne(0).any(2).any(0).nonzero().flatten().tolist()
    if any(token >= prefix for token in used):
        return tuple(range(prefix, tokens.shape[1]))
    return tuple(used)


def logits_of(network: nn.Module, images: Images) -> Logits:
    """As they are with fused attention, without a graph."""
    with frozen(network), torch.no_grad():
        logits: Logits = network(images.clone())
    return logits
