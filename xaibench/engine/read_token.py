"""Transformers whose logits are made of one token: behind the last block's attention it runs alone.

There each token goes its own way, and the way of the others leads nowhere: two thirds of a block, and of
what a gradient takes to come back through it.
"""

import torch
from torch import Tensor, nn

from xaibench.api.classifier import Classifier
from xaibench.api.types import Images
from xaibench.engine.wiring import hooked

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
        looked_at = not torch.compiler.is_compiling() and any(map(hooked, (self, *self._watched)))
        some = tokens if looked_at else tokens[:, self._token : self._token + 1]
        found: Tensor = self.norm(some)
        return found


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
    norm = network.get_submodule(name)
    looked_at = {network, *(layer.module for layer in classifier.target_layers)}
    watched = tuple(module for module in network.modules() if module not in looked_at)
    before = classifier.logits(image)
    network.set_submodule(name, Alone(norm, stack.read[0], watched))
    try:
        same = bool((classifier.logits(image) - before).abs().max() <= CLOSE * before.abs().max())
    except (RuntimeError, IndexError):  # what stands behind it is not of each token by itself
        same = False
    if not same:
        network.set_submodule(name, norm)
    return same


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
