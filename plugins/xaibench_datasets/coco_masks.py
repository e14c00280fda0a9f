"""COCO's segmentations: polygons, which the official API turns into run lengths, and run lengths.

What that API would take at its word is checked first: it is C, and writes where a number says.
"""

from collections.abc import Sequence
from importlib import import_module
from math import isfinite
from types import ModuleType

import msgspec
import numpy as np

from xaibench.api import DataError
from xaibench.api.pictures import Mask, Size
from xaibench_datasets.files import parse_json

MOST_PIXELS = 1 << 28


class RunLengths(msgspec.Struct):
    """A mask by the lengths of its runs, column by column, the first of what is outside."""

    size: tuple[int, int]  # height, width
    counts: list[int] | str


def mask_of(segmentation: bytes | msgspec.Raw, size: Size, where: str) -> Mask:
    """(height, width) of bool: polygons, or run lengths, compressed or not.

    Args:
        segmentation: JSON.
        size: (width, height) of the image.
        where: file and record.

    Raises:
        DataError: it is none of these, or not of the image's size; or pycocotools is not installed.
    """
    shape = parse_json(segmentation, list[list[float]] | RunLengths, f"{where}, segmentation")
    width, height = size
    if not 0 < width * height <= MOST_PIXELS or width < 0:
        raise DataError(f"{where}: its image cannot have {width} x {height} pixels")
    if isinstance(shape, RunLengths):
        return decoded(shape, size, where)
    for polygon in shape:
        refuse_polygon(polygon, size, where)
    if not shape:
        return np.zeros((height, width), dtype=bool)
    api = official()
    runs = api.merge(api.frPyObjects(shape, height, width))["counts"].decode()
    return drawn(lengths(runs, where), size)


def decoded(runs: RunLengths, size: Size, where: str) -> Mask:
    """The mask of run lengths; raises as `mask_of` does."""
    if runs.size != size[::-1]:
        raise DataError(f"{where}: its run lengths are of {runs.size}, its image is {size[::-1]}")
    counts = lengths(runs.counts, where) if isinstance(runs.counts, str) else runs.counts
    if min(counts, default=0) < 0 or sum(counts) != size[0] * size[1]:
        raise DataError(
            f"{where}: its run lengths add up to {sum(counts)}, the least is {min(counts, default=0)}; "
            f"the image has {size[0] * size[1]} pixels"
        )
    return drawn(counts, size)


def drawn(counts: Sequence[int], size: Size) -> Mask:
    """Runs of outside and inside in turns, column by column."""
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(size).T


def lengths(text: str, where: str) -> list[int]:
    """The run lengths in COCO's compressed form: of each the difference to the last but one.

    A number is written in groups of five bits, the lowest first, as the characters from "0" on; the
    sixth bit says that another group follows, the fifth of the last group is the sign.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        group = ord(character) - ord("0")
        if not 0 <= group < 64 or shift > 60:
            raise DataError(f"{where}: {character!r} is in no compressed run lengths")
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    if shift:
        raise DataError(f"{where}: its compressed run lengths end within a number")
    return runs


def refuse_polygon(polygon: list[float], size: Size, where: str) -> None:
    """A polygon has three corners or more, none of them far outside of the image.

    Raises:
        DataError: it is another.
    """
    if len(polygon) < 6 or len(polygon) % 2:
        raise DataError(f"{where}: a polygon has at least three x and y; found {len(polygon)} numbers")
    for corners, side in ((polygon[::2], size[0]), (polygon[1::2], size[1])):
        if not all(isfinite(c) and -side <= c <= 2 * side for c in corners):
            raise DataError(f"{where}: its polygon reaches from {min(corners)} to {max(corners)}")


def official() -> ModuleType:
    """The official API's masks.

    Raises:
        DataError: it is not installed.
    """
    try:
        return import_module("pycocotools.mask")
    except ImportError as error:
        raise DataError("COCO's masks need pycocotools; pip install 'xaibench[coco]'") from error
