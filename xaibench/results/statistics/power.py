"""Power: the smallest detectable difference, and the number of images that a difference needs.

For a two-sided Wilcoxon signed-rank test of one pair: the paired t test's normal approximation with
Guenther's correction for few images (1981), over the asymptotic relative efficiency of the signed
ranks under normal differences, 3 / pi (the "A.R.E. method" of G*Power). Differences with heavier tails
need fewer images than it says, many equal ones more.
"""

import math

import numpy as np
from scipy.special import ndtri

from xaibench.results.arrays import Vector
from xaibench.results.statistics.significance import ALPHA

POWER = 0.8
EFFICIENCY = 3 / math.pi


def detectable(differences: Vector, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest mean difference that as many images would show with this power.

    Args:
        differences: an image each; NaN where there is none. Their standard deviation is taken.
        alpha: level of the two-sided test.
        power: how often it is to be seen.

    Returns:
        In units of the score. NaN for fewer than two images, or where they all differ by as much, which
        says nothing of the spread; infinite where even differences of one sign throughout could not be
        significant: below six images, at 0.05.
    """
    known = differences[~np.isnan(differences)]
    n = len(known)
    if n < 2 or np.ptp(known) == 0:
        return float("nan")
    spare = n * EFFICIENCY - ndtri(1 - alpha / 2) ** 2 / 2
    if 2 * 0.5**n > alpha or spare <= 0:
        return math.inf
    return float(needed_z(alpha, power) * known.std(ddof=1) / math.sqrt(spare))


def images_needed(differences: Vector, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the number of images that would separate two explainers if the observed difference is real.

    What two tied explainers seem to differ by is mostly noise: an order of magnitude, no promise.

    Args:
        differences: an image each; NaN where there is none.
        alpha: level of the two-sided test.
        power: how often they are to be told apart.

    Returns:
        A whole number; infinite where the mean difference is zero, NaN for fewer than two images.
    """
    known = differences[~np.isnan(differences)]
    if len(known) < 2:
        return float("nan")
    mean, sd = abs(known.mean()), known.std(ddof=1)
    if mean <= 1e-12 * max(1.0, float(np.abs(known).max())):
        return math.inf
    least = math.ceil(math.log2(2 / alpha))  # fewer cannot be significant
    t_test = (needed_z(alpha, power) * sd / mean) ** 2 + ndtri(1 - alpha / 2) ** 2 / 2
    return float(max(least, math.ceil(t_test / EFFICIENCY)))


def needed_z(alpha: float, power: float) -> float:
    """Return the number of standard errors that a difference must be away from 0."""
    return float(ndtri(1 - alpha / 2) + ndtri(power))
