"""Comparisons of tensors: bitwise, but for rounding, and the difference in words."""

import torch
from torch import Tensor


def same(one: Tensor, other: Tensor) -> bool:
    """The same values to the last bit, NaN being NaN."""
    return one.shape == other.shape and torch.equal(
        one.detach().nan_to_num(nan=torch.pi), other.detach().nan_to_num(nan=torch.pi)
    )


def close(one: Tensor, other: Tensor) -> bool:
    """The same but for rounding, NaN being NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    largest = float(other.detach().nan_to_num().abs().max()) if other.numel() else 0.0
    exact = one.dtype == torch.double
    tolerance, rounding = (1e-7, 1e-12) if exact else (1e-4, 1e-7)
    atol = tolerance * largest + rounding  # a map of zeros but for rounding has no larger scale
    return torch.allclose(one, other, rtol=tolerance, atol=atol, equal_nan=True)


def apart(one: Tensor, other: Tensor) -> str:
    """How far two tensors are apart, in words."""
    if one.shape != other.shape:
        return f"{tuple(one.shape)} instead of {tuple(other.shape)}"
    most = float((one.detach() - other.detach()).abs().nan_to_num(nan=torch.inf).max())
    return f"values up to {most:.3g} apart"
