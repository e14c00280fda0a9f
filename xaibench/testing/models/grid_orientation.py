"""Whether a layer's grid lies on the image as the image lies: by patches planted in the image.

A faint patch of other noise is planted in one cell after another, and the change of the activations is
seen cell by cell. What every patch changes, wherever it is (by attention over all cells, by squeeze
and excitation, by padding), is in all patches' changes and is taken off. What is left must lie at the
patch's own cell rather than where it would lie if the output were to be read in any other way: turned,
mirrored, transposed, or for tokens some places further on, in rows of another length, in windows.
Each other reading must lose by four standard errors of the difference, over patches and draws of the
random weights: a network whose weights blur the patch away is not shown to be upright, and neither is
one that is read wrongly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import TOKENS, Classifier

Size = tuple[int, int]  # height, width
PATCHES = 16  # planted in each draw, at most
FAINT = 0.05  # of the noise's standard deviation: near enough to a derivative
AT_ONCE = 8  # images in a pass
SHIFTS = (1, 2, 3, 4, 5)  # class, distillation and register tokens that may be miscounted
SURE = 4.0  # standard errors


@dataclass(frozen=True, eq=False)
class Planted:
    """What some patches changed.

    Args:
        grid: (height, width) in cells.
        cells: (n,), which cell each patch was planted in, counted row by row.
        shares: (n, h*w), the share of each patch's change at every cell, less what is in all patches'.
    """

    grid: Size
    cells: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Margin:
    """By how many standard errors the grid as it is read beats the best of the other readings."""

    errors: float
    other: str


def plant(classifier: Classifier, size: Size, draw: int) -> Planted:
    """Plants patches in one image of noise, (height, width) `size`; which, `draw` says."""
    generator = torch.Generator().manual_seed(draw)
    weight = next(classifier.network.parameters())
    image, other = (torch.randn(1, 3, *size, generator=generator).to(weight.dtype) for _ in range(2))
    plain = activations(classifier, image)
    h, w = plain.shape[2:]
    cells = torch.randperm(h * w, generator=generator)[:PATCHES]
    masks = F.one_hot(cells, h * w).view(-1, 1, h, w).to(weight.dtype)
    places = F.interpolate(masks, size, mode="nearest")
    changes = [
        (activations(classifier, image + FAINT * some * other) - plain).norm(dim=1).flatten(1)
        for some in places.split(AT_ONCE)
    ]
    shares = F.normalize(torch.cat(changes).double(), p=1, dim=1)
    return Planted((h, w), cells, shares - shares.mean(0))


def activations(classifier: Classifier, images: Tensor) -> Tensor:
    """(B, K, h, w), as explainers see them."""
    targets = torch.zeros(len(images), dtype=torch.long)
    names = tuple(str(i) for i in range(len(images)))
    return Capture(classifier, Batch(names, images, targets)).activations


def margin(draws: Sequence[Planted], layout: str) -> Margin:
    """Of the grid as it is read, over all that was planted."""
    (grid,) = {planted.grid for planted in draws}
    margins = []
    for other, reading in other_readings(grid, layout).items():
        gains = torch.cat([gains_over(reading, planted) for planted in draws])
        if len(gains) > 1:  # else it is no other reading of these cells
            margins.append(Margin(float(gains.mean() / gains.std() * len(gains) ** 0.5), other))
    return min(margins, key=lambda margin: margin.errors)


def gains_over(reading: Tensor, planted: Planted) -> Tensor:
    """How much more of each patch is seen at its own cell than where `reading` has it.

    In units of the draw's standard deviation, so that no draw outweighs another. Patches that the
    reading has nowhere, or at their own cell, are left out.
    """
    where = F.normalize((reading == planted.cells[:, None]).double(), p=1, dim=1)
    own = F.one_hot(planted.cells, where.shape[1]).double()
    tells = where.any(1) & (where != own).any(1)
    gains = ((own - where) * planted.shares).sum(1) / planted.shares.std()
    return gains[tells]


def other_readings(grid: Size, layout: str) -> dict[str, Tensor]:
    """How else the output could lie: for each cell, (h*w,), the cell that it would be; -1: none.

    A grid's axes may be turned, mirrored or exchanged; a row of tokens may in addition be cut wrongly.
    """
    readings = turned(grid)
    if layout == TOKENS:
        readings |= shifted(grid) | cut_otherwise(grid) | in_windows(grid)
    own = torch.arange(grid[0] * grid[1])
    return {name: reading for name, reading in readings.items() if not torch.equal(reading, own)}


def turned(grid: Size) -> dict[str, Tensor]:
    """The seven turns and mirrorings of the image's place that each cell stands for."""
    y, x = rows_and_columns(grid)
    down, right = (y + 0.5) / grid[0], (x + 0.5) / grid[1]
    readings = {}
    for exchanged, up, left in product((False, True), repeat=3):
        v, u = (right, down) if exchanged else (down, right)
        name = [word for word, is_so in zip(TURNS, (exchanged, up, left), strict=True) if is_so]
        readings[" and ".join(name)] = cell_at(1 - v if up else v, 1 - u if left else u, grid)
    del readings[""]
    return readings


TURNS = ("transposed", "upside down", "mirrored")


def shifted(grid: Size) -> dict[str, Tensor]:
    """Tokens some places further on, or back: other counts of tokens before the patches."""
    tokens = torch.arange(grid[0] * grid[1])
    readings = {}
    for shift in (sign * count for count in SHIFTS for sign in (1, -1)):
        moved = tokens + shift
        inside = (moved >= 0) & (moved < len(tokens))
        readings[f"shifted by {shift:+d}"] = moved.where(inside, torch.tensor(-1))
    return readings


def cut_otherwise(grid: Size) -> dict[str, Tensor]:
    """Tokens in rows of another length, and column by column."""
    h, w = grid
    tokens = torch.arange(h * w)
    readings = {"column by column": (tokens % h) * w + tokens // h}
    for rows in range(2, h * w // 2 + 1):
        columns = h * w // rows
        if rows * columns == h * w and rows != h:
            down, right = (tokens // columns + 0.5) / rows, (tokens % columns + 0.5) / columns
            readings[f"{rows} x {columns}"] = cell_at(down, right, grid)
    return readings


def in_windows(grid: Size) -> dict[str, Tensor]:
    """Tokens window by window, as networks with windowed attention sort them."""
    h, w = grid
    numbers = torch.arange(h * w).view(h, w)
    readings = {}
    for side in range(2, min(grid) + 1):
        if h % side == 0 and w % side == 0:
            windows = numbers.unfold(0, side, side).unfold(1, side, side)
            readings[f"in windows of {side} x {side}"] = windows.flatten()
    return readings


def rows_and_columns(grid: Size) -> tuple[Tensor, Tensor]:
    """Of each cell, row by row."""
    cells = torch.arange(grid[0] * grid[1])
    return cells // grid[1], cells % grid[1]


def cell_at(down: Tensor, right: Tensor, grid: Size) -> Tensor:
    """The cell at a place of the image, both from 0 to 1."""
    return (down * grid[0]).long() * grid[1] + (right * grid[1]).long()
