"""What transformers' attention says. The paper of each stands in its function.

Class and register tokens are left out of every map. Where these methods read the class token's row of a
(T, T) matrix and there is no class token, the mean over the patches' rows is read, as the logits read
the patches.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps


def raw_attention(capture: Capture) -> GridMaps:
    """Attention of the last block to each patch, mean over the heads; the same for all classes."""
    attentions = capture.attentions
    return attentions.on_grid(attentions.read(attentions.weights[-1].mean(1)))


def attention_rollout(capture: Capture) -> GridMaps:
    """What the tokens take from each patch through all blocks and skips; the same for all classes.

    Abnar and Zuidema 2020, arXiv:2005.00928, section 3. Every entry of the attention is kept, and rows
    are what adds up to 1: a much forked implementation drops nine tenths of them and divides by columns.
    """
    attentions = capture.attentions
    return attentions.on_grid(
        attentions.read(rollout([weights.mean(1) for weights in attentions.weights]))
    )


def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """Product over the blocks, the first rightmost, of attention plus skip; (B, T, T), rows add up to 1.

    Args:
        attentions: (B, T, T) of each block, first to last, rows adding up to 1.
    """
    rolled = identity(attentions[0])
    for attention in attentions:
        mixed = attention + identity(attention)
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    return rolled


def chefer(capture: Capture) -> GridMaps:
    """Relevance through all blocks, attention weighted by its gradient; zero where no gradient is.

    Generic attention explainability. Chefer et al. 2021, arXiv:2103.15679, eqs. 5-6. What each token has
    of itself from the start is left out: nothing of it is in the class token's row, and in the mean over
    the patches' rows it is the same for all.
    """
    attentions = capture.attentions
    total = relevance(attentions.weights, attentions.gradients)
    return attentions.on_grid(attentions.read(total - identity(total)))


def relevance(weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """R <- R + mean over the heads of (gradient * attention)+ R, from the identity; (B, T, T).

    Args:
        weights: attention of each block, first to last, (B, heads, T, T).
        gradients: of the target logit, likewise.
    """
    total = identity(weights[0][:, 0])
    for attention, gradient in zip(weights, gradients, strict=True):
        total = total + (gradient * attention).relu().mean(1) @ total
    return total


def legrad(capture: Capture, layers: int = 2) -> GridMaps:
    """Positive gradients of the attention itself, mean over heads, queries and the last blocks.

    Bousselham et al. 2024, arXiv:2404.03214. Each block's gradients are of the logit read out
    of that block's own tokens, pooled as the classifier pools them: by its class token where it has one.

    Args:
        capture: of a classifier that provides attention.
        layers: how many blocks, counted from the last; 2 as in the authors' code. All, where there
            are fewer.
    """
    attentions = capture.attentions
    depth = len(attentions.weights)
    blocks = range(max(0, depth - layers), depth)
    sensitivity = [attentions.own_gradients(block).relu().mean((1, 2)) for block in blocks]
    return attentions.on_grid(torch.stack(sensitivity).mean(0))


def attention_grad_cam(capture: Capture) -> GridMaps:
    """ReLU of the last block's heads' mean, each weighted by the mean of its gradients at the patches.

    The baseline in Chefer et al. 2021, arXiv:2012.09838: Grad-CAM with heads for channels.
    """
    attentions = capture.attentions
    attention, gradients = (
        attentions.on_grid(attentions.read(matrices[-1]))
        for matrices in (attentions.weights, attentions.gradients)
    )
    maps: GridMaps = (gradients.mean((2, 3), keepdim=True) * attention).mean(1).relu()
    return maps


def identity(like: Tensor) -> Tensor:
    """(B, T, T) identities."""
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).expand_as(like)
