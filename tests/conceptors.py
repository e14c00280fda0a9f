"""Conceptors written out as matrices with inverses: what the evidence read-out is held against.

Jaeger 2014, arXiv:1403.3369.
"""

import torch

DOUBLE = torch.double


def correlation(vectors, weights):
    """R = sum_n m_n a_n a_n' / sum_n m_n |a_n|^2."""
    total = sum(m * a @ a for m, a in zip(weights, vectors.T, strict=True))
    return sum(m * torch.outer(a, a) for m, a in zip(weights, vectors.T, strict=True)) / total


def conceptor(matrix, aperture_squared):
    """C = R (R + I / aperture^2)^-1."""
    return matrix @ torch.linalg.inv(matrix + torch.eye(len(matrix), dtype=DOUBLE) / aperture_squared)


def conjunction(first, second):
    """C AND B = (P (C^+ + B^+ - I) P)^+, P the projector on both ranges (Jaeger 2014)."""

    def null_projector(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        kernel = vectors[:, values < 1e-9]
        return kernel @ kernel.T

    eye = torch.eye(len(first), dtype=DOUBLE)
    values, vectors = torch.linalg.eigh(null_projector(first) + null_projector(second))
    basis = vectors[:, values < 1e-9]
    projector = basis @ basis.T
    pseudo = [torch.linalg.pinv(m, hermitian=True, rtol=1e-9) for m in (first, second)]
    return torch.linalg.pinv(projector @ (sum(pseudo) - eye) @ projector, hermitian=True, rtol=1e-9)


def negation(conceptor):
    """NOT C = I - C."""
    return torch.eye(len(conceptor), dtype=DOUBLE) - conceptor


def disjunction(first, second):
    """C OR B = NOT (NOT C AND NOT B)."""
    return negation(conjunction(negation(first), negation(second)))


def adapted(conceptor, aperture):
    """phi(C, g) = C (C + g^-2 (I - C))^-1."""
    return conceptor @ torch.linalg.pinv(conceptor + negation(conceptor) / aperture**2, hermitian=True)
