"""The calculus of conceptors. Jaeger 2014, arXiv:1403.3369.

A conceptor is a symmetric matrix with eigenvalues in [0, 1]: a soft projector on the directions in
which some states lie. An eigenvalue of exactly 0 or 1 is hard: no aperture changes it.

Matrices are (..., d, d), symmetric, any number of them in front, not all of one rank; everything is
computed and returned in float64. Only the lower triangles are read.
"""

from collections.abc import Callable
from math import inf, isinf

import torch
from torch import Tensor

HARD = 1e-10
"""An eigenvalue of a conceptor that is nearer than this to 0 or 1 is taken to be 0 or 1. Above the
round-off of an eigendecomposition in float64, below what an aperture of 1e4 leaves of anything."""


def conceptor(correlation: Tensor, aperture: float) -> Tensor:
    """C(R, a) = R (R + a^-2 I)^-1.

    The minimum over C of E|x - Cx|^2 + a^-2 |C|^2: eigenvectors of R = E[xx'], eigenvalues
    s / (s + a^-2).

    Args:
        correlation: R, positive semidefinite.
        aperture: a, larger lets more through.

    Raises:
        ValueError: the aperture is not above 0 and finite; see `adapt` for the limits.
    """
    if not 0 < aperture < inf:
        raise ValueError(f"aperture is {aperture}; it must be above 0 and finite")

    def squashed(values: Tensor) -> Tensor:
        scaled = aperture**2 * values.clamp(min=0)  # round-off below 0 is no direction
        return scaled / (scaled + 1)

    return spectral(correlation, squashed)


def adapt(conceptor: Tensor, factor: float) -> Tensor:
    """phi(C, g) = C (C + g^-2 (I - C))^-1: the conceptor at g times its aperture.

    The limits are defined: g = 0 keeps what is hard at 1 and nothing else, g = inf the projector on
    the range of C.

    Raises:
        ValueError: g is below 0.
    """
    if not factor >= 0:
        raise ValueError(f"factor is {factor}; it must not be below 0")

    def changed(values: Tensor) -> Tensor:
        soft = (values > HARD) & (values < 1 - HARD)
        scaled = torch.ones_like(values) if isinf(factor) else factor**2 * values
        rest = torch.zeros_like(values) if isinf(factor) else 1 - values
        return torch.where(soft, scaled / torch.where(soft, scaled + rest, 1), values.round())

    return spectral(conceptor, changed)


def quota(conceptor: Tensor) -> Tensor:
    """trace(C) / d, (...,): the share of all directions that is let through, in [0, 1]."""
    shares: Tensor = conceptor.double().diagonal(dim1=-2, dim2=-1).mean(-1)
    return shares


def negation(conceptor: Tensor) -> Tensor:
    """NOT C = I - C."""
    return identity(conceptor) - conceptor.double()


def conjunction(first: Tensor, second: Tensor) -> Tensor:
    """C AND B = P (P (C^+ + B^+ - I) P)^+ P, with P the projector on both ranges.

    Where both are invertible that is (C^-1 + B^-1 - I)^-1; it is the limit of that as the zero
    eigenvalues are raised by a delta that goes to 0. The two need not commute. On both ranges
    C^+ >= I and B^+ >= I, so that every eigenvalue of what is inverted is at least 1.
    """
    eye = identity(first)
    kernels = kernel(first) + kernel(second)
    both = spectral(kernels, lambda values: (values < HARD).to(values))
    inner = both @ (pseudo_inverse(first) + pseudo_inverse(second) - eye) @ both
    conceptor: Tensor = both @ torch.linalg.solve(inner + eye - both, both)
    return (conceptor + conceptor.mT) / 2


def disjunction(first: Tensor, second: Tensor) -> Tensor:
    """C OR B = NOT (NOT C AND NOT B).

    On data it is the conceptor of the sum of both correlation matrices, at the same aperture.
    """
    return negation(conjunction(negation(first), negation(second)))


def spectral(matrix: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """The matrix with the same eigenvectors and a function of its eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix.double())
    result: Tensor = vectors * function(values)[..., None, :] @ vectors.mT
    return result


def kernel(conceptor: Tensor) -> Tensor:
    """The projector on what the conceptor maps to 0."""
    return spectral(conceptor, lambda values: (values < HARD).to(values))


def pseudo_inverse(conceptor: Tensor) -> Tensor:
    """C^+: the inverse on the range, 0 on the kernel."""

    def inverted(values: Tensor) -> Tensor:
        none = values < HARD
        return torch.where(none, 0, 1 / torch.where(none, 1, values))

    return spectral(conceptor, inverted)


def identity(like: Tensor) -> Tensor:
    """I of the size of the matrices, on their device."""
    return torch.eye(like.shape[-1], dtype=torch.double, device=like.device)
