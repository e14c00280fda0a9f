"""A small class-token transformer, its attention as the lecture writes it.

Vaswani et al. 2017, arXiv:1706.03762, eq. 1; Dosovitskiy et al. 2020, arXiv:2010.11929. The patches come
from a few strided convolutions, which small transformers need on few images (Xiao et al. 2021,
arXiv:2106.14881).
"""

from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn

from xaibench.api import PluginError

WIDTH, DEPTH, HEADS, RISE = 96, 2, 4, 2
CELLS = 7  # least patches a side


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """softmax(QK^T / sqrt(d)), rows over the keys.

    Args:
        queries: (..., T, d).
        keys: (..., N, d).

    Returns:
        (..., T, N), rows add up to 1.
    """
    scores: Tensor = queries @ keys.mT / queries.shape[-1] ** 0.5
    return scores.softmax(-1)


def scaled_dot_product_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(QK^T / sqrt(d)) V, (..., T, v); values are (..., N, v)."""
    return attention_weights(queries, keys) @ values


class SelfAttention(nn.Module):
    """Every token attends to all, in some heads at once.

    `attn_drop` drops nothing: it is where the softmaxed (B, heads, T, T) tensor can be seen.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.attn_drop = nn.Identity()
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) to the same."""
        split = self.qkv(tokens).unflatten(2, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        mixed = self.attn_drop(attention_weights(queries, keys)) @ values
        merged: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return merged


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a norm and beside a skip connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, RISE * width), nn.GELU(), nn.Linear(RISE * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) to the same."""
        tokens = tokens + self.attn(self.norm1(tokens))
        moved: Tensor = tokens + self.mlp(self.norm2(tokens))
        return moved


class Patches(nn.Module):
    """Strided convolutions, each halving the side, down to one cell a patch."""

    def __init__(self, size: int, patch: int, width: int) -> None:
        super().__init__()
        self.grid_size = (size // patch, size // patch)
        halvings = int(log2(patch))
        channels = [3, *(max(16, width >> (halvings - i - 1)) for i in range(halvings))]
        layers: list[nn.Module] = []
        for turn, (before, after) in enumerate(pairwise(channels), 1):
            layers += convolution(before, after, stride=2)
            if turn == halvings - 1:  # a second one where patches have two cells a side
                layers += convolution(after, after, stride=1)
        self.proj = nn.Sequential(*layers, nn.Conv2d(channels[-1], width, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) to (B, T, D), row by row."""
        tokens: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return tokens


def convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    """3 x 3, normalised and activated."""
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


class SmallViT(nn.Module):
    """A class token beside the patches, two blocks, and a linear layer on the class token.

    Args:
        classes: how many.
        size: side of the square images, in pixels.

    Raises:
        PluginError: `size` cannot be halved into at least 7 x 7 patches.
    """

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.embed_dim, self.num_prefix_tokens = WIDTH, 1
        self.patch_embed = Patches(size, patch_of(size), WIDTH)
        height, width = self.patch_embed.grid_size
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + height * width, WIDTH))
        self.blocks = nn.ModuleList([Block(WIDTH, HEADS) for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) to logits, (B, classes)."""
        patches = self.patch_embed(images)
        tokens = torch.cat([self.class_token.expand(len(patches), -1, -1), patches], 1) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.head(self.norm(tokens)[:, 0])
        return logits


def patch_of(size: int) -> int:
    """The largest power of two, at least 2, that cuts `size` into at least seven parts.

    Raises:
        PluginError: there is none.
    """
    fitting = [p for p in (32, 16, 8, 4, 2) if size % p == 0 and size // p >= CELLS]
    if not fitting:
        raise PluginError(
            f"small-vit cannot cut {size} pixels into {CELLS} or more patches of 2, 4, 8, 16 or 32; "
            "choose another --size, such as 64"
        )
    return fitting[0]


def small_vit(classes: int, size: int) -> SmallViT:
    """An untrained one, drawn from torch's generator."""
    return SmallViT(classes, size)
