"""Arithmetic on grids and maps that several plugins need."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from xaibench.api.types import Flags, Grid, GridMaps, Maps


def weighted_sum(weights: Tensor, activations: Grid) -> GridMaps:
    """The channels' sum, each weighted: by one number (B, K) or cell by cell (B, K, h, w)."""
    if weights.ndim == 2:
        weights = weights[:, :, None, None]
    total: Tensor = (weights * activations).sum(1)
    return total


def tokens_to_grid(tokens: Tensor, prefix: int, grid: tuple[int, int]) -> Grid:
    """(B, prefix + h*w, K) transformer tokens to (B, K, h, w).

    Class and register tokens, the first `prefix`, have no place in the image and go.
    """
    patches = tokens[:, prefix:].transpose(1, 2)
    return patches.reshape(*patches.shape[:2], *grid)


def upsample(maps: GridMaps, size: Sequence[int]) -> Maps:
    """Bilinear to (height, width), once, here: no explainer upsamples on its own."""
    return F.interpolate(maps[:, None], list(size), mode="bilinear", align_corners=False)[:, 0]


def flat(maps: GridMaps) -> Flags:
    """Which maps are constant up to 1e-6 of their largest magnitude: they say nothing.

    The test is relative, since saturated networks give honest maps of magnitude 1e-9.
    """
    return _flat(maps.amin((1, 2)), maps.amax((1, 2)))


def _flat(low: Tensor, high: Tensor) -> Tensor:
    return (high - low) <= 1e-6 * torch.maximum(low.abs(), high.abs())


def rescale(maps: Maps) -> Maps:
    """Each map onto [0, 1], both attained; a flat map becomes zeros."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    span = (high - low).masked_fill(_flat(low, high), torch.inf)
    return (maps - low) / span  # to mask the whole maps would take twenty times as long


def off_zero(values: Tensor, least: float = 1e-6) -> Tensor:
    """`values`, none nearer to zero than `least`, signs kept."""
    return values.abs().clamp(min=least).copysign(values)
