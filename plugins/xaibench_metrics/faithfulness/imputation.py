"""Linear imputation of removed pixels, as in ROAD. Rong et al. 2022, arXiv:2202.00449, section 4.

Every removed pixel is the weighted mean of its eight neighbours, those outside the image left out: a
sparse linear system, symmetric and positive definite. All the images of a batch are solved together
by conjugate gradients, preconditioned by a multigrid cycle on the whole batch: no loop over pixels.

Within, every image has a margin of zeros below and to the right. A shift by a pixel or a row is then one
of the flat memory, which runs through all images at once: what leaves one arrives in a margin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from xaibench.api.types import Images, Masks

MARGIN = 2  # rows and columns
PIXELS = 500_000  # solved together
MOST = 200  # iterations; a dozen do
COARSEST = 5  # cells a side that are solved directly
DAMPING = 0.85  # of the smoothing steps below the finest level, whose stencils have mixed signs


def impute(images: Images, removed: Masks, tolerance: float | None = None) -> Images:
    """The images, their removed pixels filled in from what is left, each colour on its own.

    What comes of an image does not depend on the others: each is left alone once it is solved.

    Args:
        images: (B, 3, H, W).
        removed: (B, H, W), True where a pixel goes; an image of which none stays is left as it is.
        tolerance: the error that may be left, of the first, in the norm of the system; 1e-6 in single
            and 1e-10 in double precision where not given.
    """
    if tolerance is None:
        tolerance = 1e-10 if images.dtype == torch.double else 1e-6
    at_once = max(1, PIXELS // removed[0].numel())
    parts = zip(images.split(at_once), removed.split(at_once), strict=True)
    return torch.cat([_imputed(*part, tolerance) for part in parts])


def _imputed(images: Images, removed: Masks, tolerance: float) -> Images:
    """`impute` of so few images that what is iterated on stays in the processor's cache."""
    removed = removed & ~removed.flatten(1).all(1)[:, None, None]
    known = framed((~removed)[:, None].to(images))
    unknown = framed(removed[:, None].to(images))
    # Constants solve the system, so the mean of what stays is set aside: what is left to find is
    # small, and so is what single precision loses of it.
    mean = (framed(images) * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    right = unknown * neighbours((framed(images) - mean) * known)
    filled = unframed(_solve(Cycle.on(unknown), right, tolerance))
    return torch.where(removed[:, None], mean + filled, images)


def framed(values: Tensor) -> Tensor:
    """With its margin."""
    return F.pad(values, (0, MARGIN, 0, MARGIN))


def unframed(values: Tensor) -> Tensor:
    """Without its margin."""
    return values[..., :-MARGIN, :-MARGIN]


def _solve(cycle: "Cycle", right: Tensor, tolerance: float) -> Tensor:
    """Conjugate gradients; zero where a pixel is known."""
    finest = cycle.levels[0]
    solution, residual = torch.zeros_like(right), right
    better = cycle.apply(residual)
    direction = better
    size = _dot(residual, better)
    enough = size * tolerance**2
    for _ in range(MOST):
        active = size > enough
        if not bool(active.any()):
            break
        product = finest.times(direction)
        step = torch.where(active, size / _dot(direction, product), 0)
        solution = torch.addcmul(solution, step, direction)
        residual = torch.addcmul(residual, step, product, value=-1)
        better = cycle.apply(residual)
        last, size = size, torch.where(active, _dot(residual, better), 0)
        direction = torch.addcmul(better, torch.where(active, size / last, 0), direction)
    return solution


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(B, 3, 1, 1): each colour is a system of its own."""
    products: Tensor = torch.linalg.vecdot(one.flatten(2), other.flatten(2))
    return products[..., None, None]


def neighbours(values: Tensor) -> Tensor:
    """The sum over each pixel's eight neighbours, two times those above, below and beside; framed.

    They are twelfths of the paper's weights, 1/6 and 1/12, which does not change the mean.
    """
    return box(values).sub_(values, alpha=4)


def box(values: Tensor) -> Tensor:
    """The sum over [1, 2, 1] across times [1, 2, 1] down, of framed values; margins hold anything.

    Twice the sum of two that are side by side, and twice of two that are one below the other.
    """
    flat, row = values.flatten(), values.shape[-1]
    for apart in (1, row):
        before = torch.empty_like(flat)
        before[:apart] = flat[:apart]
        torch.add(flat[apart:], flat[:-apart], out=before[apart:])
        flat = torch.empty_like(before)
        flat[-apart:] = before[-apart:]
        torch.add(before[apart:], before[:-apart], out=flat[:-apart])
    return flat.view_as(values)


@dataclass(frozen=True)
class Finest:
    """The system itself, on pixels. All of it is framed.

    Args:
        unknown: (B, 1, H, W), 1 where a pixel is to be found, else 0.
        diagonal: (B, 1, H, W), the weights of the neighbours that are there, 0 where it is known.
        inverse: (B, 1, H, W), of the diagonal, 0 where it is known.
        boxed: (B, 1, H, W), the diagonal, and what `box` counts of a pixel itself.
    """

    unknown: Tensor
    diagonal: Tensor
    inverse: Tensor
    boxed: Tensor

    @classmethod
    def on(cls, unknown: Tensor) -> "Finest":
        """The system whose unknowns these are."""
        inside = framed(torch.ones_like(unframed(unknown[:1])))
        diagonal = neighbours(inside) * unknown
        return cls(unknown, diagonal, _inverse(diagonal), diagonal + 4 * unknown)

    def times(self, values: Tensor) -> Tensor:
        """The matrix times values that are zero where a pixel is known."""
        return torch.addcmul(self.boxed * values, self.unknown, box(values), value=-1)

    def begin(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """A smoothing step from nothing, and the residual that it leaves."""
        solution = self.inverse * residual
        return solution, box(solution).mul_(self.unknown).sub_(solution, alpha=4)

    def end(self, solution: Tensor, residual: Tensor, first: Tensor) -> Tensor:
        """A smoothing step; `first` is the one from nothing, which is a part of it."""
        return torch.addcmul(first, self.inverse, neighbours(solution))


@dataclass(frozen=True)
class Coarser:
    """The system on every other cell: the finer one, between bilinear interpolations; framed.

    Args:
        unknown: (B, 1, h, w), 1 where a cell reaches a pixel to be found, else 0.
        stencil: (B, 9, h, w), each cell's weights for the cells around it, row by row.
        inverse: (B, 1, h, w), of the diagonal, `DAMPING` times; 0 for cells that reach none.
    """

    unknown: Tensor
    stencil: Tensor
    inverse: Tensor

    @classmethod
    def under(cls, finer: "Finest | Coarser") -> "Coarser":
        """Read off by nine probes: of the cells three apart, each cell sees one."""
        size = finer.inverse.shape[2:]
        height, width = (_half(side) for side in size)
        ys, xs = torch.arange(height) % 3, torch.arange(width) % 3
        colour = (ys[:, None] * 3 + xs).to(finer.inverse.device)
        probes = torch.arange(9, device=colour.device)[:, None, None] == colour
        waves = prolong(probes[None].to(finer.inverse), size) * finer.unknown
        responses = restrict(finer.times(waves))
        around = [
            ((ys + dy)[:, None] % 3 * 3 + (xs + dx) % 3).to(colour.device)
            for dy, dx in product((-1, 0, 1), repeat=2)
        ]
        stencil = responses.gather(1, torch.stack(around)[None].expand_as(responses))
        inverse = DAMPING * _inverse(stencil[:, 4:5])
        return cls(inverse.sign(), stencil, inverse)

    def times(self, values: Tensor) -> Tensor:
        """The matrix times values that are zero in the margin."""
        cells, row = values[0, 0].numel(), values.shape[-1]
        flat, stencil = values.flatten(2), self.stencil.flatten(2)
        total = stencil[:, 4:5] * flat
        for place, (down, across) in enumerate(product((-1, 0, 1), repeat=2)):
            apart = down * row + across
            if apart:
                first, last = max(0, -apart), cells - max(0, apart)
                neighbour = flat[..., first + apart : last + apart]
                total[..., first:last].addcmul_(stencil[:, place : place + 1, first:last], neighbour)
        return total.view_as(values)

    def begin(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """A smoothing step from nothing, and the residual that it leaves."""
        solution = self.inverse * residual
        return solution, residual - self.times(solution)

    def end(self, solution: Tensor, residual: Tensor, first: Tensor) -> Tensor:
        """A smoothing step; `first` is the one from nothing."""
        return torch.addcmul(solution, self.inverse, residual - self.times(solution))

    def dense(self) -> Tensor:
        """(B, h*w, h*w), the matrix itself, without the margin."""
        height, width = (side - MARGIN for side in self.stencil.shape[2:])
        units = framed(torch.eye(height * width).to(self.stencil).view(1, -1, height, width))
        return unframed(self.times(units.expand(len(self.stencil), -1, -1, -1))).flatten(2)


@dataclass(frozen=True)
class Cycle:
    """One multigrid cycle: a smoothing step before and after what the coarser levels say.

    Args:
        levels: fine to coarse.
        solved: (B, n, n), the inverse of the coarsest level's matrix.
    """

    levels: "tuple[Finest | Coarser, ...]"
    solved: Tensor

    @classmethod
    def on(cls, unknown: Tensor) -> "Cycle":
        """The levels below a system."""
        finest = Finest.on(unknown)
        levels: list[Finest | Coarser] = [finest, Coarser.under(finest)]
        while max(levels[-1].inverse.shape[2:]) > COARSEST + MARGIN:
            levels.append(Coarser.under(levels[-1]))
        coarsest = levels[-1]
        assert isinstance(coarsest, Coarser)
        return cls(tuple(levels), _inverse_of(coarsest.dense()))

    def apply(self, residual: Tensor, level: int = 0) -> Tensor:
        """About the solution for this right side."""
        if level == len(self.levels) - 1:
            inner = unframed(residual)
            return framed((inner.flatten(2) @ self.solved).view_as(inner))
        here = self.levels[level]
        first, left = here.begin(residual)
        coarse = self.apply(restrict(left), level + 1)
        solution = torch.addcmul(first, here.unknown, prolong(coarse, residual.shape[2:]))
        return here.end(solution, residual, first)


def prolong(coarse: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, from every other cell to all of (height, width), framed; margins hold anything."""
    fine = coarse.new_zeros(*coarse.shape[:2], *size)
    inner = unframed(coarse)
    height, width = inner.shape[2:]
    torch.mul(inner, 0.25, out=fine[..., : 2 * height : 2, : 2 * width : 2])
    return box(fine)


def restrict(fine: Tensor) -> Tensor:
    """The transpose of `prolong`, of values that are zero in the margin."""
    height, width = (_half(side) - MARGIN for side in fine.shape[2:])
    return framed(0.25 * box(fine)[..., : 2 * height : 2, : 2 * width : 2])


def _half(length: int) -> int:
    """Every other cell, and one beyond an even border, so that interpolation goes on up to it."""
    return (length - MARGIN) // 2 + 1 + MARGIN


def _inverse(diagonal: Tensor) -> Tensor:
    return torch.where(diagonal > 0, 1 / diagonal, 0)


def _inverse_of(matrices: Tensor) -> Tensor:
    """Inverses of symmetric matrices that may be singular, where cells see the same few unknowns."""
    values, vectors = torch.linalg.eigh(matrices.double())
    kept = values > 1e-6 * values[:, -1:]
    inverse = torch.where(kept, 1 / values, 0)
    inverse_matrix: Tensor = (vectors * inverse[:, None]) @ vectors.mT
    return inverse_matrix.to(matrices)
