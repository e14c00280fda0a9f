"""Confidence intervals of the mean of bounded scores that hold on few units.

Gaffke's bound ("Three test statistics for a nonparametric one-sided hypothesis on the mean of a
nonnegative variable", 2005; Learned-Miller and Thomas 2019, arXiv:1905.06208): with the sorted scores
x_(1) <= ... <= x_(n) in [0, 1] and Dirichlet(1, ..., 1) weights w_0, ..., w_n, the lower end is a
quantile of sum_i w_i x_(i), the upper end of sum_i w_i x_(i) + w_0. For scores of 0 and 1 these are
Beta quantiles: the interval of Clopper and Pearson 1934.
"""

from functools import lru_cache

import numpy as np
from scipy.stats import beta

from xaibench.results.arrays import Numbers, Vector

LEVEL = 0.95
DRAWS = 20_000
ROOM = 1e-9  # by which rounding may carry a score beyond its range


def bounded_interval(
    scores: Vector, low: float = 0.0, high: float = 1.0, level: float = LEVEL
) -> tuple[float, float]:
    """Return a confidence interval of the mean of independent scores within known bounds.

    Args:
        scores: (n,), one score a unit, none of them NaN.
        low: least possible score.
        high: largest possible score.
        level: probability with which the interval holds the true mean.

    Returns:
        Lower and upper end, within [low, high]; the whole range for no scores.

    Raises:
        ValueError: a score lies outside the bounds, or the bounds are not finite.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"bounds are {low} and {high}; expected two finite numbers, the lower one first"
        )
    unit = (np.asarray(scores, dtype=float) - low) / (high - low)
    if len(unit) and (unit.min() < -ROOM or unit.max() > 1 + ROOM):
        raise ValueError(f"scores reach from {scores.min()} to {scores.max()}, beyond {low} to {high}")
    ends = _unit_interval(np.clip(unit, 0, 1), (1 - level) / 2)
    return low + (high - low) * ends[0], low + (high - low) * ends[1]


def _unit_interval(scores: Vector, tail: float) -> tuple[float, float]:
    """Return both ends for scores within [0, 1], each missed with probability `tail`."""
    n = len(scores)
    ones = int((scores == 1).sum())
    if ones + int((scores == 0).sum()) == n:
        lower = float(beta.ppf(tail, ones, n - ones + 1)) if ones else 0.0
        upper = float(beta.ppf(1 - tail, ones + 1, n - ones)) if ones < n else 1.0
        return lower, upper
    weights = dirichlet_weights(n)
    sums = weights[:, 1:] @ np.sort(scores)
    return float(np.quantile(sums, tail)), float(np.quantile(sums + weights[:, 0], 1 - tail))


@lru_cache(maxsize=16)
def dirichlet_weights(n: int, draws: int = DRAWS, seed: int = 0) -> Numbers:
    """Return draws of n + 1 Dirichlet(1, ..., 1) weights, (draws, n + 1), not to be written to."""
    weights = np.random.default_rng(seed).exponential(size=(draws, n + 1))
    weights /= weights.sum(1, keepdims=True)
    weights.setflags(write=False)
    return weights
