"""Linear imputation of removed pixels, as in ROAD. Rong et al. 2022, arXiv:2202.00449, section 4.

Every removed pixel is the weighted mean of its eight neighbours, those outside the image left out: a
sparse linear system, symmetric and positive definite. All the images of a batch are solved together
by conjugate gradients, preconditioned by a multigrid cycle on the whole batch: no loop over pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xaibench.api.types import Images, Masks

STRAIGHT, DIAGONAL = 1 / 6, 1 / 12  # weights of the neighbours
PIXELS = 100_000  # solved together
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
    unknown = removed[:, None].to(images)
    known = 1 - unknown
    # Constants solve the system, so the mean of what stays is set aside: what is left to find is
    # small, and so is what single precision loses of it.
    mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    right = unknown * neighbours((images - mean) * known)
    return torch.where(removed[:, None], mean + _solve(Cycle.on(unknown), right, tolerance), images)


def _solve(cycle: "Cycle", right: Tensor, tolerance: float) -> Tensor:
    """Conjugate gradients; (B, 3, H, W), zero where a pixel is known."""
    finest = cycle.levels[0]
    found, residual = torch.zeros_like(right), right
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
        found = torch.addcmul(found, step, direction)
        residual = torch.addcmul(residual, step, product, value=-1)
        better = cycle.apply(residual)
        last, size = size, torch.where(active, _dot(residual, better), 0)
        direction = torch.addcmul(better, torch.where(active, size / last, 0), direction)
    return found


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(B, 3, 1, 1): each colour is a system of its own."""
    products: Tensor = torch.linalg.vecdot(one.flatten(2), other.flatten(2))
    return products[..., None, None]


def neighbours(values: Tensor) -> Tensor:
    """The weighted sum over each cell's eight neighbours, of which those outside count as zero.

    The weights are those of [1, 2, 1] across times [1, 2, 1] down, but for the cell itself.
    """
    across = values * (2 * DIAGONAL)
    across[..., 1:].add_(values[..., :-1], alpha=DIAGONAL)
    across[..., :-1].add_(values[..., 1:], alpha=DIAGONAL)
    both = torch.add(across * 2, values, alpha=-4 * DIAGONAL)
    both[..., 1:, :].add_(across[..., :-1, :])
    both[..., :-1, :].add_(across[..., 1:, :])
    return both


@dataclass(frozen=True)
class Finest:
    """The system itself, on pixels.

    Args:
        unknown: (B, 1, H, W), 1 where a pixel is to be found, else 0.
        diagonal: (B, 1, H, W), the weights of the neighbours that are there, 0 where it is known.
        inverse: (B, 1, H, W), of the diagonal, 0 where it is known.
    """

    unknown: Tensor
    diagonal: Tensor
    inverse: Tensor

    @classmethod
    def on(cls, unknown: Tensor) -> "Finest":
        """The system whose unknowns these are."""
        diagonal = neighbours(torch.ones_like(unknown[:1])) * unknown
        return cls(unknown, diagonal, _inverse(diagonal))

    def times(self, values: Tensor) -> Tensor:
        """The matrix times values that are zero where a pixel is known."""
        return torch.addcmul(self.diagonal * values, self.unknown, neighbours(values), value=-1)


@dataclass(frozen=True)
class Coarser:
    """The system on every other cell: the finer one, between bilinear interpolations.

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
        height, width = (_half(side) for side in finer.inverse.shape[2:])
        ys, xs = torch.arange(height) % 3, torch.arange(width) % 3
        colour = (ys[:, None] * 3 + xs).to(finer.inverse.device)
        probes = torch.arange(9, device=colour.device)[:, None, None] == colour
        waves = prolong(probes[None].to(finer.inverse), finer.inverse.shape[2:]) * finer.unknown
        seen = restrict(finer.times(waves))
        around = [
            ((ys + dy)[:, None] % 3 * 3 + (xs + dx) % 3).to(colour.device)
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        stencil = seen.gather(1, torch.stack(around)[None].expand_as(seen))
        inverse = DAMPING * _inverse(stencil[:, 4:5])
        return cls(inverse.sign(), stencil, inverse)

    def times(self, values: Tensor) -> Tensor:
        """The matrix times values."""
        height, width = values.shape[2:]
        padded = torch.nn.functional.pad(values, (1, 1, 1, 1))
        total = self.stencil[:, 4:5] * values
        for place in (0, 1, 2, 3, 5, 6, 7, 8):
            y, x = divmod(place, 3)
            shifted = padded[:, :, y : y + height, x : x + width]
            total.addcmul_(self.stencil[:, place : place + 1], shifted)
        return total

    def dense(self) -> Tensor:
        """(B, h*w, h*w), the matrix itself."""
        height, width = self.stencil.shape[2:]
        units = torch.eye(height * width).to(self.stencil).view(1, -1, height, width)
        return self.times(units.expand(len(self.stencil), -1, -1, -1)).flatten(2)


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
        while max(levels[-1].inverse.shape[2:]) > COARSEST:
            levels.append(Coarser.under(levels[-1]))
        coarsest = levels[-1]
        assert isinstance(coarsest, Coarser)
        return cls(tuple(levels), _inverse_of(coarsest.dense()))

    def apply(self, residual: Tensor, level: int = 0) -> Tensor:
        """About the solution for this right side."""
        if level == len(self.levels) - 1:
            return (residual.flatten(2) @ self.solved).view_as(residual)
        here = self.levels[level]
        found = here.inverse * residual
        coarse = self.apply(restrict(residual - here.times(found)), level + 1)
        found = torch.addcmul(found, here.unknown, prolong(coarse, residual.shape[2:]))
        return torch.addcmul(found, here.inverse, residual - here.times(found))


def prolong(coarse: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, from every other cell to all of (height, width)."""
    for dim, length in ((2, size[0]), (3, size[1])):
        shape = list(coarse.shape)
        shape[dim] = length
        fine = coarse.new_empty(shape)
        evens, odds = (length + 1) // 2, length // 2
        _every_other(fine, dim, 0).copy_(coarse.narrow(dim, 0, evens))
        between = _every_other(fine, dim, 1)
        torch.add(coarse.narrow(dim, 0, odds), coarse.narrow(dim, 1, odds), out=between).mul_(0.5)
        coarse = fine
    return coarse


def restrict(fine: Tensor) -> Tensor:
    """The transpose of `prolong`."""
    for dim in (2, 3):
        length = fine.shape[dim]
        evens, odds = (length + 1) // 2, length // 2
        shape = list(fine.shape)
        shape[dim] = _half(length)
        coarse = fine.new_zeros(shape)
        coarse.narrow(dim, 0, evens).copy_(_every_other(fine, dim, 0))
        between = _every_other(fine, dim, 1)
        coarse.narrow(dim, 0, odds).add_(between, alpha=0.5)
        coarse.narrow(dim, 1, odds).add_(between, alpha=0.5)
        fine = coarse
    return fine


def _half(length: int) -> int:
    """Every other cell, and one beyond an even border, so that interpolation goes on up to it."""
    return length // 2 + 1


def _every_other(values: Tensor, dim: int, first: int) -> Tensor:
    return values[:, :, first::2] if dim == 2 else values[..., first::2]


def _inverse(diagonal: Tensor) -> Tensor:
    return torch.where(diagonal > 0, 1 / diagonal, 0)


def _inverse_of(matrices: Tensor) -> Tensor:
    """Inverses of symmetric matrices that may be singular, where cells see the same few unknowns."""
    values, vectors = torch.linalg.eigh(matrices.double())
    kept = values > 1e-6 * values[:, -1:]
    inverse = torch.where(kept, 1 / values, 0)
    found: Tensor = (vectors * inverse[:, None]) @ vectors.mT
    return found.to(matrices)
