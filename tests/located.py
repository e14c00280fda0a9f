"""Trials with regions, and slow ways to say what the class covers, for the tests of what asks."""

from collections.abc import Sequence
from fractions import Fraction

import torch

from xaibench.api.batch import Batch, Region


def whole(width: int, height: int, **where) -> Region:
    """A region of an image that the network sees whole."""
    return Region((width, height), (0, 0, width, height), **where)


def trials(regions: Sequence[Region], height: int, width: int, **facts) -> Batch:
    count = len(regions)
    names = tuple(f"image-{i}" for i in range(count))
    images = torch.zeros(count, 3, height, width)
    return Batch(
        names, images, torch.zeros(count, dtype=torch.long), (3,) * count, tuple(regions), **facts
    )


def random_mask(width: int, height: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < 0.3


def regions() -> list[Region]:
    """Boxes, a mask, both; seen whole, through a crop, from a frame beyond the border, small."""
    boxes = ((2, 3, 9, 8), (7, 6, 15, 17), (-3, 18, 4, 30))
    mask = random_mask(17, 20)
    return [
        whole(17, 20, boxes=boxes),
        whole(17, 20, mask=mask),
        whole(17, 20, boxes=boxes[:1], mask=mask),
        Region((17, 20), (2.25, 3.5, 14.75, 18), mask=mask),
        Region((17, 20), (2.25, 3.5, 14.75, 18), boxes=boxes),
        Region((17, 20), (-1.5, -2, 18.5, 22), mask=mask),
        whole(5, 4, boxes=((1, 1, 3, 4),), mask=random_mask(5, 4, 1)),
    ]


def literally_covered(region: Region, pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Share of each pixel of the network: overlaps with each pixel of the image, in exact fractions."""
    x0, y0, x1, y1 = map(Fraction, region.frame)

    def overlaps(start: Fraction, end: Fraction, count: int, image: int) -> list[dict[int, Fraction]]:
        step = (end - start) / count
        found = []
        for place in range(count):
            low, high = start + step * place, start + step * (place + 1)
            shares = {i: (min(high, i + 1) - max(low, i)) / step for i in range(image)}
            found.append({i: share for i, share in shares.items() if share > 0})
        return found

    rows = overlaps(y0, y1, height, pixels.shape[0])
    columns = overlaps(x0, x1, width, pixels.shape[1])
    inside = pixels.tolist()
    shares = [
        [
            sum(a * b for i, a in row.items() for j, b in column.items() if inside[i][j])
            for column in columns
        ]
        for row in rows
    ]
    return torch.tensor([[float(share) for share in row] for row in shares], dtype=torch.double)


def in_boxes(region: Region) -> torch.Tensor:
    """(height, width) of bool, pixel by pixel: the boxes, or else the extent of the mask."""
    boxes = region.boxes
    if not boxes:
        rows, columns = zip(*region.mask.nonzero().tolist(), strict=True)
        boxes = ((min(columns), min(rows), max(columns) + 1, max(rows) + 1),)
    width, height = region.size
    inside = [
        [any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes) for x in range(width)]
        for y in range(height)
    ]
    return torch.tensor(inside)
