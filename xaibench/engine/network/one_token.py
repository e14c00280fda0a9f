"""Transformers whose logits are made of one token: from the last block's attention on it runs alone.

It alone asks there what the others know, and behind it each token goes its own way, where that of the
others leads nowhere: nearly all of a block, and of what a gradient takes to come back through it.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from xaibench.api.classifier import Classifier
from xaibench.api.types import Images
from xaibench.engine.network.wiring import hooked

CLOSE = 1e-5  # of the logits, as a share of the largest


class Alone(nn.Module):
    """The norm behind the last attention, which passes on one token of those that it gets.

    What comes of that token is added to all of them by broadcasting: right for the one, and nothing for
    the others, which nobody reads; but to who has hooked some module, all run as they did.

    Args:
        norm: of every token by itself.
        token: its place.
        watched: modules that may be hooked by who reads the others.
    """

    def __init__(self, norm: nn.Module, token: int, watched: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.norm = norm
        self._token = token
        self._watched = watched

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) to (B, 1, D)."""
        all_run = has_hooks(self, *self._watched)
        some = tokens if all_run else tokens[:, self._token : self._token + 1]
        normalised: Tensor = self.norm(some)
        return normalised


class Asking(nn.Module):
    """The last attention, asked by one token: what it gives is added to all, as `Alone` expects.

    Args:
        attention: self-attention over all tokens.
        token: its place.
        watched: as of `Alone`.
    """

    def __init__(self, attention: nn.Module, token: int, watched: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.attention = attention
        self.token = token
        self._watched = watched

    def forward(self, tokens: Tensor, *others: Any, **settings: Any) -> Any:
        """(B, T, D) to (B, 1, D); torch's kind is given queries, keys and values, and gives a pair."""
        torchs = isinstance(self.attention, nn.MultiheadAttention)
        more = (*others[2 if torchs else 0 :], *settings.values())
        if has_hooks(self, *self._watched) or any(map(is_set, more)):
            return self.attention(tokens, *others, **settings)
        if torchs:
            asking = tokens[:, self.token : self.token + 1]
            return self.attention(asking, *others, **settings)
        return asked_by(self.attention, tokens, self.token)


def asked_by(attention: Any, tokens: Tensor, token: int) -> Tensor:
    """What one token gets of timm's self-attention, (B, T, D) to (B, 1, D).

    No token's key or value is made: one query costs less moved back through the keys' weights, and one
    mixture of tokens moved on through the values'. The keys' bias adds the same to all scores, and so
    nothing to their softmax; the values' is added once, since the softmax sums to one.
    """
    query, key, value = attention.qkv.weight.unflatten(0, (3, attention.num_heads, -1))  # (heads, d, D)
    queries = torch.einsum("bc,hdc->bhd", tokens[:, token], query)
    shift: Tensor | float = 0.0
    if attention.qkv.bias is not None:
        of_query, _, shift = attention.qkv.bias.unflatten(0, (3, attention.num_heads, -1))
        queries = queries + of_query
    scores = torch.einsum("bhd,hdc->bhc", queries, key) @ tokens.mT / query.shape[1] ** 0.5
    mixed = torch.einsum("bhc,hdc->bhd", scores.softmax(-1) @ tokens, value) + shift
    projected: Tensor = attention.proj(mixed.flatten(1))[:, None]
    return projected


def has_hooks(*modules: nn.Module) -> bool:
    """Whether somebody has hooked one of them: no compiler asks, which sees no hooks."""
    return not torch.compiler.is_compiling() and any(map(hooked, modules))


def is_set(setting: object) -> bool:
    """Whether it may change what attention does: a mask, positions; nothing that is off does."""
    return setting is not None and setting is not False


def run_alone(classifier: Classifier, image: Images) -> bool:
    """Have the token that is read run alone behind the last attention, in place; whether it does.

    Args:
        classifier: its network is changed where its logits stay what they are.
        image: (1, 3, H, W) to try it on.
    """
    network, stack = classifier.network, classifier.attention
    if stack is None or len(stack.read) != 1:
        return False
    name = norm_behind_attention(classifier, image)
    if not name:
        return False
    alone = Alone(network.get_submodule(name), stack.read[0], watched_in(classifier))
    return fits(classifier, name, alone, image)


def ask_alone(classifier: Classifier, image: Images) -> Classifier:
    """The same, its last attention asked by the token that is read alone, where that gives the same.

    Args:
        classifier: one whose token runs alone behind the last attention; its network is changed.
        image: (1, 3, H, W) to try it on.
    """
    network, stack = classifier.network, classifier.attention
    assert stack is not None
    path, (token,) = stack.attentions[-1], stack.read
    attention = network.get_submodule(path)
    targets = {layer.module for layer in classifier.target_layers}
    if targets & set(attention.modules()) or not askable(attention):
        return classifier
    asking = Asking(attention, token, watched_in(classifier))
    if not answers_alike(asking, classifier, image) or not fits(classifier, path, asking, image):
        return classifier
    attentions = (*stack.attentions[:-1], f"{path}.attention")
    return replace(classifier, attention=replace(stack, attentions=attentions))


def askable(attention: nn.Module) -> bool:
    """Whether it is of torch's kind, or has its weights where timm's has them."""
    names = ("qkv", "proj")
    timms = all(isinstance(getattr(attention, name, None), nn.Linear) for name in names)
    return isinstance(attention, nn.MultiheadAttention) or (timms and hasattr(attention, "num_heads"))


def answers_alike(asking: Asking, classifier: Classifier, image: Images) -> bool:
    """Whether the token gets what it gets among all, on what attention meets in a pass.

    Attention may do more than its weights say: norms of queries, positions, gates.
    """
    inputs: list[tuple[Any, ...]] = []
    attention = asking.attention
    handle = attention.register_forward_hook(lambda *call: inputs.append(call[1:]), with_kwargs=True)
    try:
        classifier.logits(image)
    finally:
        handle.remove()
    given, settings, gave = inputs[-1]
    try:
        with torch.inference_mode():
            answers = asking(*given, **settings), gave
    except (RuntimeError, IndexError):
        return False
    answer_now, expected = (answer if isinstance(answer, Tensor) else answer[0] for answer in answers)
    expected = expected[:, asking.token, None]
    same_shape: bool = answer_now.shape == expected.shape
    return same_shape and bool((answer_now - expected).abs().max() <= CLOSE * expected.abs().max())


def fits(classifier: Classifier, name: str, module: nn.Module, image: Images) -> bool:
    """Put `module` into the network where its logits stay what they are; whether they do."""
    network = classifier.network
    before, now_there = classifier.logits(image), network.get_submodule(name)
    network.set_submodule(name, module)
    try:
        same = bool((classifier.logits(image) - before).abs().max() <= CLOSE * before.abs().max())
    except (RuntimeError, IndexError, AttributeError):  # what stands around it expects what was there
        same = False
    if not same:
        network.set_submodule(name, now_there)
    return same


def watched_in(classifier: Classifier) -> tuple[nn.Module, ...]:
    """Modules that nobody hooks but who looks at other tokens, too: all but its target layers."""
    spared = {classifier.network, *(layer.module for layer in classifier.target_layers)}
    return tuple(module for module in classifier.network.modules() if module not in spared)


def norm_behind_attention(classifier: Classifier, image: Images) -> str:
    """The layer norm of the last block that runs next after its attention; "" where none can be used.

    A target layer behind the attention gives all tokens, so that none can be spared.
    """
    network, stack = classifier.network, classifier.attention
    assert stack is not None
    attention, block = stack.attentions[-1], network.get_submodule(stack.blocks[-1])
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    targets = {layer.module for layer in classifier.target_layers}
    ended: list[nn.Module] = []

    def note(module: nn.Module, _inputs: object, _output: object) -> None:
        ended.append(module)

    listened = {*block.modules(), *targets}
    handles = [module.register_forward_hook(note) for module in listened]
    try:
        classifier.logits(image)
    finally:
        for handle in handles:
            handle.remove()
    behind = ended[ended.index(network.get_submodule(attention)) + 1 :]
    norms = [module for module in behind if isinstance(module, nn.LayerNorm)]
    if targets & set(behind) or not norms or ended.count(norms[0]) != 1:
        return ""
    return names[norms[0]]
