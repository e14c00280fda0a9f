"""Plane shapes as signed distances: negative inside, zero on the outline, in units of the shape.

Each is drawn in the square [-1, 1] x [-1, 1], x to the right, y down.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import cos, pi, sin

import torch
from torch import Tensor

Point = tuple[float, float]
Shape = Callable[[Tensor, Tensor], Tensor]

REACH = 1.7  # the atlas covers [-REACH, REACH] in both directions
RESOLUTION = 192  # cells of the atlas in each


def union(*parts: Tensor) -> Tensor:
    """Inside of any."""
    return torch.stack(parts).amin(0)


def both(*parts: Tensor) -> Tensor:
    """Inside of all."""
    return torch.stack(parts).amax(0)


def circle(x: Tensor, y: Tensor, radius: float) -> Tensor:
    """A disc about the origin."""
    return torch.hypot(x, y) - radius


def box(x: Tensor, y: Tensor, width: float, height: float) -> Tensor:
    """A rectangle about the origin, `width` and `height` to each side."""
    return both(x.abs() - width, y.abs() - height)


def polygon(x: Tensor, y: Tensor, corners: Sequence[Point]) -> Tensor:
    """Distance to the nearest edge, negative where a ray crosses the outline an odd number of times."""
    nearest = torch.full_like(x, torch.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, torch.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey != 0:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < ax + (y - ay) * ex / ey)
    return torch.where(inside, -nearest, nearest)


def star_corners(points: int, inner: float) -> list[Point]:
    """Corners of a star, alternately at radius 1 and `inner`, the first at the top."""
    radii = [1.0, inner] * points
    angles = [pi * k / points - pi / 2 for k in range(2 * points)]
    return [(r * cos(a), r * sin(a)) for r, a in zip(radii, angles, strict=True)]


def heart(x: Tensor, y: Tensor) -> Tensor:
    """Two lobes and a point."""
    lobes = circle(x - 0.42, y + 0.32, 0.5), circle(x + 0.42, y + 0.32, 0.5)
    return union(*lobes, polygon(x, y, [(-0.86, -0.1), (0, -0.45), (0.86, -0.1), (0, 0.95)]))


def zigzag(x: Tensor, y: Tensor) -> Tensor:
    """A thick triangle wave."""
    wave = 0.9 * (torch.remainder(1.6 * x, 2) - 1).abs() - 0.45
    return both((y - wave).abs(), x.abs() - 0.79) - 0.16


HEXAGON = [(0.92 * cos(k * pi / 3), 0.92 * sin(k * pi / 3)) for k in range(6)]
ARROW = [(1, 0), (0.15, -0.8), (0.15, -0.3), (-0.95, -0.3), (-0.95, 0.3), (0.15, 0.3), (0.15, 0.8)]

CLASS_SHAPES: dict[str, Shape] = {
    "disc": lambda x, y: circle(x, y, 0.85),
    "ring": lambda x, y: circle(x, y, 0.72).abs() - 0.2,
    "square": lambda x, y: box(x, y, 0.76, 0.76),
    "triangle": lambda x, y: polygon(x, y, [(0, -1), (0.92, 0.72), (-0.92, 0.72)]),
    "star": lambda x, y: polygon(x, y, star_corners(5, 0.42)),
    "plus": lambda x, y: union(box(x, y, 0.95, 0.3), box(x, y, 0.3, 0.95)),
    "crescent": lambda x, y: both(circle(x, y, 0.92), -circle(x - 0.45, y, 0.72)),
    "heart": heart,
    "hexagon": lambda x, y: polygon(x, y, HEXAGON),
    "arrow": lambda x, y: polygon(x, y, ARROW),
}
DISTRACTOR_SHAPES: dict[str, Shape] = {
    "bar": lambda x, y: box(x, y, 1.0, 0.16),
    "ell": lambda x, y: union(box(x + 0.55, y, 0.22, 0.9), box(x, y - 0.68, 0.77, 0.22)),
    "dots": lambda x, y: union(
        circle(x - 0.6, y, 0.24), circle(x + 0.5, y - 0.5, 0.24), circle(x + 0.1, y + 0.6, 0.24)
    ),
    "zigzag": zigzag,
    "half-disc": lambda x, y: both(circle(x, y, 0.9), 0.1 - y),
}


@cache
def atlas() -> Tensor:
    """(shapes, 1, RESOLUTION, RESOLUTION): every shape's distances, classes first, made once."""
    line = (torch.arange(RESOLUTION) + 0.5) / RESOLUTION * 2 * REACH - REACH
    y, x = torch.meshgrid(line, line, indexing="ij")
    shapes = [*CLASS_SHAPES.values(), *DISTRACTOR_SHAPES.values()]
    return torch.stack([shape(x, y) for shape in shapes])[:, None]
