"""How a module's output lies on the image: which of its axes are rows, columns and channels.

By what the library says of its network where it says it (timm's `num_prefix_tokens`,
`patch_embed.grid_size`; torchvision's `image_size`, `patch_size`), else by the shapes that a forward
pass went through. The square root of a token count is never taken for a grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from xaibench.api.classifier import CHANNELS_FIRST, CHANNELS_LAST, TOKENS, as_is
from xaibench.api.maps import tokens_to_grid

Size = tuple[int, int]  # height, width
PREFIXES = (0, 1, 2)  # class and distillation tokens, tried where nobody says how many there are


@dataclass(frozen=True)
class Layout:
    """How one output is read.

    Args:
        name: CHANNELS_FIRST, CHANNELS_LAST or TOKENS.
        grid: (height, width) in cells.
        to_grid: from the output to (B, K, h, w).
    """

    name: str
    grid: Size
    to_grid: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Tokens:
    """What a vision transformer says of its tokens: prefix, (height, width) in patches, width."""

    prefix: int
    grid: Size
    width: int


def layouts_of(
    network: nn.Module, outputs: Sequence[tuple[nn.Module, Tensor]], image: Size
) -> list[Layout | None]:
    """How each output of one forward pass lies on an image of `image`; None: not as a grid.

    Args:
        network: may say how its tokens lie.
        outputs: module and output, (1, ...), in the order they were made.
        image: (height, width) of the network's input.
    """
    declared = declared_tokens(network)
    if declared is not None:
        return [layout_of_declared(output, declared) for _, output in outputs]
    layouts: list[Layout | None] = []
    grids: list[Size] = []
    for module, output in outputs:
        if output.ndim == 4:
            layout = layout_of_planes(module, output, image)
        else:
            layout = layout_of_tokens(output, declared_prefix(network), grids or patchings(image))
        layouts.append(layout)
        if layout is not None and layout.name != TOKENS and layout.grid not in grids:
            grids.append(layout.grid)
    return layouts


def declared_tokens(network: nn.Module) -> Tokens | None:
    """What a plain vision transformer of timm or torchvision says; None where it does not."""
    patches = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    if patches is not None and hasattr(network, "num_prefix_tokens") and hasattr(network, "embed_dim"):
        return Tokens(int(network.num_prefix_tokens), tuple(patches), int(network.embed_dim))  # type: ignore[arg-type]
    if hasattr(network, "class_token") and hasattr(network, "hidden_dim"):  # torchvision
        side = int(network.image_size) // int(network.patch_size)  # type: ignore[arg-type]
        return Tokens(1, (side, side), int(network.hidden_dim))  # type: ignore[arg-type]
    return None


def declared_prefix(network: nn.Module) -> int:
    """How many tokens the network says stand before those of the patches."""
    return int(getattr(network, "num_prefix_tokens", 0))


def layout_of_declared(output: Tensor, tokens: Tokens) -> Layout | None:
    """Tokens exactly as the network says; anything else of it is inside a block."""
    count = tokens.prefix + tokens.grid[0] * tokens.grid[1]
    if output.ndim != 3 or output.shape[1:] != (count, tokens.width):
        return None
    return token_layout(tokens.prefix, tokens.grid)


def layout_of_planes(module: nn.Module, output: Tensor, image: Size) -> Layout | None:
    """(1, K, h, w) or (1, h, w, K), whichever two axes are as wide to each other as the image's."""
    _, a, b, c = output.shape
    first, last = (b, c), (a, b)
    as_first, as_last = unlikeness(first, image), unlikeness(last, image)
    if min(as_first, as_last) > 1:
        return None
    if as_last < as_first or (as_last == as_first and works_on_last_axis(module)):
        return Layout(CHANNELS_LAST, last, channels_first)
    return Layout(CHANNELS_FIRST, first, as_is)


def unlikeness(grid: Size, image: Size) -> float:
    """By how many cells `grid` misses the image's proportions; infinite where it cannot be a grid."""
    (h, w), (height, width) = grid, image
    if h * w < 2 or h > height or w > width:
        return float("inf")
    return abs(h * width - w * height) / max(height, width)


def works_on_last_axis(module: nn.Module) -> bool:
    """Whether a module treats the last axis as channels, where the shape alone does not say."""
    return type(module) in (nn.Linear, nn.LayerNorm)


def layout_of_tokens(output: Tensor, prefix: int, grids: Sequence[Size]) -> Layout | None:
    """(1, prefix + h*w, K), where (h, w) is one of `grids`, or comes of it by halving."""
    if output.ndim != 3:
        return None
    finer_first = sorted({half for grid in grids for half in halvings(grid)}, reverse=True)
    for before in dict.fromkeys((prefix, *PREFIXES)):
        for grid in (*reversed(grids), *finer_first):
            if output.shape[1] == before + grid[0] * grid[1]:
                return token_layout(before, grid)
    return None


def halvings(grid: Size) -> list[Size]:
    """What a grid becomes as every second cell of it is kept, again and again, while there are two."""
    grids = []
    while grid[0] * grid[1] > 1:
        grids.append(grid)
        grid = (-(-grid[0] // 2), -(-grid[1] // 2))
    return grids


def patchings(image: Size) -> list[Size]:
    """Grids of square patches that `image` can be cut into, for a network whose outputs have had none.

    Such a network cuts the image itself, before any module of its: at most one of them has as many
    cells as there are tokens.
    """
    height, width = image
    sides = range(2, min(image) + 1)
    return [(height // s, width // s) for s in sides if height % s == 0 and width % s == 0]


def token_layout(prefix: int, grid: Size) -> Layout:
    """Tokens, row by row, after `prefix` others."""
    return Layout(TOKENS, grid, partial(tokens_to_grid, prefix=prefix, grid=grid))


def channels_first(output: Tensor) -> Tensor:
    """(B, h, w, K) to (B, K, h, w)."""
    return output.permute(0, 3, 1, 2)
