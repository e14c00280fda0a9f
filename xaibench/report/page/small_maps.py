"""Maps as small grids of bytes and images as thumbnails, so that a page can hold a thousand of them."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from math import isqrt

import numpy as np
from jaxtyping import Float
from PIL import Image

from xaibench.results.arrays import Numbers
from xaibench.results.kept import Array

LARGEST, SMALLEST = 56, 14  # cells along a side
ROOM = 16 * 2**20  # bytes for all maps of a page
THUMBNAIL, QUALITY = 160, 75
NATIVE = (7, 14, 28)  # grids that networks have
EXACT = 0.01  # of a map's range: nearer, and its grid says all of it
BYTE = 255

Side = Float[np.ndarray, "cells pixels"]


def largest_grid(maps: int) -> int:
    """Return the cells along a side that so many maps may have: 56, or fewer to fit in the page."""
    return max(SMALLEST, min(LARGEST, isqrt(ROOM // max(1, maps))))


@lru_cache(maxsize=64)
def averaging(cells: int, pixels: int) -> Side:
    """Return (cells, pixels): weights of each cell's mean; pixels on its border count in part."""
    edges = np.linspace(0, pixels, cells + 1)
    first = np.maximum(edges[:-1, None], np.arange(pixels))
    last = np.minimum(edges[1:, None], np.arange(pixels) + 1)
    shares: Side = np.maximum(0, last - first) * cells / pixels
    return shares


@lru_cache(maxsize=64)
def bilinear(pixels: int, cells: int) -> Side:
    """Return (pixels, cells): the engine's upsampling, pixels as areas (`align_corners=False`)."""
    where = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    low = np.minimum(where.astype(int), cells - 1)
    share = where - low
    shares = np.zeros((pixels, cells))
    shares[np.arange(pixels), low] = 1 - share
    shares[np.arange(pixels), np.minimum(low + 1, cells - 1)] += share
    return shares


@lru_cache(maxsize=64)
def back(cells: int, pixels: int) -> Side:
    """Return (cells, pixels): the inverse of upsampling, from a map to its grid."""
    inverse: Side = np.linalg.pinv(bilinear(pixels, cells))
    return inverse


def along(matrix_y: Numbers, values: Numbers, matrix_x: Numbers) -> Numbers:
    """Return maps (E, H, W) resized along both sides, (E, h, w), in their own precision."""
    resized: Numbers = matrix_y.astype(values.dtype) @ values @ matrix_x.astype(values.dtype).T
    return resized


@dataclass(frozen=True)
class Small:
    """A map as a grid of bytes.

    Args:
        cells: (h, w) of uint8.
        low: what 0 stands for.
        high: what 255 stands for.
    """

    cells: Array
    low: float
    high: float


def small_maps(maps: Array, native: Sequence[tuple[int, int]], largest: int) -> list[Small]:
    """Return each map as a grid that a page has room for.

    A map that was upsampled from one of the native grids, or those of usual networks, becomes that grid
    again, and is drawn from it as the engine drew it. Any other is averaged over areas.

    Args:
        maps: (E, H, W) in [0, 1].
        native: grids to look for first, (h, w).
        largest: cells along a side.
    """
    whole = maps.astype(np.float32, copy=False)
    height, width = whole.shape[1:]
    grids_of: list[Small | None] = [None] * len(whole)
    grids = dict.fromkeys([*native, *((side, side) for side in NATIVE)])
    for h, w in grids:
        open_to = [i for i, small in enumerate(grids_of) if small is None]
        if not open_to or max(h, w) > largest or h > height or w > width:
            continue
        left = whole[open_to]
        coarse = along(back(h, height), left, back(w, width))
        error = np.abs(along(bilinear(height, h), coarse, bilinear(width, w)) - left).max((1, 2))
        for i, small, off in zip(open_to, coarse, error, strict=True):
            if off <= EXACT:
                grids_of[i] = in_bytes(small)
    h, w = fitting(height, width, largest)
    down, across = averaging(h, height), averaging(w, width)
    return [
        in_bytes(along(down, whole[i], across)) if small is None else small
        for i, small in enumerate(grids_of)
    ]


def fitting(height: int, width: int, largest: int) -> tuple[int, int]:
    """Return the largest grid of an image's shape whose longer side has at most `largest` cells."""
    scale = min(1.0, largest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def in_bytes(values: Numbers) -> Small:
    """Return a map in [0, 1], or the grid that it was upsampled from, which may exceed it, as bytes."""
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    cells: Array = np.rint((values - low) / (high - low) * BYTE).astype(np.uint8)
    return Small(cells, low, high)


def peak(saliency: Array) -> tuple[float, float] | None:
    """Return the first maximum as shares of width and height, mid pixel; None if the map is flat."""
    if saliency.max() == saliency.min():
        return None
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    return (float(x) + 0.5) / saliency.shape[1], (float(y) + 0.5) / saliency.shape[0]


def thumbnail(colours: Array) -> bytes:
    """Return an image (H, W, 3) of uint8 as a small WebP."""
    picture = Image.fromarray(colours)
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    with BytesIO() as file:
        picture.save(file, "WEBP", quality=QUALITY, method=2)  # 4 is thrice as slow, 4 % smaller
        return file.getvalue()


def text(content: bytes) -> str:
    """Return bytes as base64."""
    return b64encode(content).decode("ascii")
