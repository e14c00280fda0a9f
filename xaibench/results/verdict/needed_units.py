"""How many units would be needed, as a range: a pilot's estimate is uncertain, and says so.

Two questions are answered: how many units rid the set of the best of every explainer that is no
better than the controls, and how many halve it. A planned number is that of a max-T test by normal
approximation: the self-normalised statistic of n units is about sqrt(n) m / sqrt(m^2 + s^2) for
differences of mean m and standard deviation s, and must exceed the critical value with probability 0.8.
"""

from collections.abc import Callable
from math import ceil, inf

import numpy as np
from scipy.special import ndtri

from xaibench.results.arrays import Each, Numbers, Vector
from xaibench.results.verdict.sign_flips import ALPHA, least_units

POWER = 0.8
RESAMPLES = 400
RANGE = (0.05, 0.95)  # quantiles of the pilot's resamples


def needed_for(differences: Numbers, alpha: float = ALPHA, power: float = POWER) -> Each:
    """Return how many units each comparison would need to be significant among all of them.

    Args:
        differences: (units, comparisons), positive in favour of the alternative.
        alpha: family-wise level; Bonferroni stands in for the max-T distribution.
        power: probability of significance.

    Returns:
        (comparisons,); inf where the mean is not positive.
    """
    means = differences.mean(0)
    lengths = np.sqrt((differences**2).mean(0))
    effects = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    critical = -ndtri(alpha / max(1, differences.shape[1])) + ndtri(power)
    with np.errstate(divide="ignore"):
        units = np.where(effects > 0, (critical / np.where(effects > 0, effects, 1)) ** 2, inf)
    return np.maximum(least_units(alpha), np.ceil(units))


def needed_range(
    goodness: Numbers, question: Callable[[Numbers], float], seed: int = 0
) -> tuple[float, float]:
    """Return the range that a planned number of units has over resamples of the pilot.

    Args:
        goodness: (units, columns), larger is better, none of them NaN.
        question: from such scores to a number of units, inf where none would do.
        seed: seed of the resampling.

    Returns:
        The 5 % and the 95 % quantile, whole numbers or inf; NaN for fewer than two units.
    """
    units = len(goodness)
    if units < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    planned = np.array(
        [question(goodness[generator.integers(units, size=units)]) for _ in range(RESAMPLES)]
    )
    low, high = np.quantile(planned, RANGE, method="inverted_cdf")
    return _whole(low), _whole(high)


def units_to_beat(explainers: int) -> Callable[[Numbers], float]:
    """Return the question how many units show that the first `explainers` columns beat the others."""

    def question(goodness: Numbers) -> float:
        differences = goodness[:, :explainers, None] - goodness[:, None, explainers:]
        better = differences.mean(0).min(1) > 0  # the others are no better than a control
        if not better.any():
            return inf
        units = needed_for(differences.reshape(len(goodness), -1)).reshape(differences.shape[1:])
        return float(units[better].max())

    return question


def units_to_halve(goodness: Numbers) -> float:
    """Return how many units leave at most half of the explainers in the set of the best."""
    explainers = goodness.shape[1]
    if explainers < 2:
        return float(least_units())
    leaves: Vector = np.array(
        [needed_for(np.delete(goodness, i, axis=1) - goodness[:, [i]]).min() for i in range(explainers)]
    )
    return float(np.sort(leaves)[ceil(explainers / 2) - 1])


def _whole(value: float) -> float:
    return float(ceil(value)) if np.isfinite(value) else float(value)
