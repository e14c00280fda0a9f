"""Max-T tests by random signs, for units that are independent of one another.

Under the null hypothesis that differences are symmetric about zero, their signs can be flipped. The
statistic of one comparison is self-normalised, sum(d) / sqrt(sum(d^2)), so that its denominator is
the same whatever the signs. The largest of several statistics under the *same* signs has the joint
distribution that a family of comparisons needs (Westfall and Young 1993; Romano and Wolf 2005,
doi:10.1198/016214504000000539, algorithm 3.1 with randomisation instead of the bootstrap).
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from xaibench.results.arrays import Numbers

ALPHA = 0.05
EXACT_UNITS = 12  # up to which all signs are tried: 4,096
FLIPS = 10_000
ROUNDING = 1e-9  # statistics that are closer than this are equal
VALUES_AT_ONCE = 8_000_000  # statistics in memory: 64 MB


@lru_cache(maxsize=8)
def signs(units: int, seed: int = 0, flips: int = FLIPS) -> Numbers:
    """Return the signs by which units are flipped, the unflipped ones first.

    Args:
        units: number of independent units.
        seed: seed of the random signs.
        flips: number of random signs where there are too many to try all.

    Returns:
        (R, units) of -1 and 1, not to be written to: all 2^units of them for at most `EXACT_UNITS`
        units, else the unflipped ones and `flips` random ones.
    """
    rows: Numbers
    if units <= EXACT_UNITS:
        rows = np.array(list(product((1.0, -1.0), repeat=units))).reshape(2**units, units)
    else:
        drawn = np.random.default_rng(seed).integers(2, size=(flips, units)) * 2.0 - 1.0
        rows = np.concatenate([np.ones((1, units)), drawn])
    rows.setflags(write=False)
    return rows


def normalised(differences: Numbers) -> Numbers:
    """Divide each comparison's differences by the root of their sum of squares.

    Args:
        differences: (units, comparisons); a unit that takes no part in a comparison is 0 there.

    Returns:
        The same shape. A comparison without any difference stays 0: it never rejects.
    """
    lengths = np.sqrt((differences**2).sum(0))
    scaled: Numbers = np.zeros_like(differences)
    np.divide(differences, lengths, out=scaled, where=lengths > 0)
    return scaled


def adjusted_p(differences: Numbers, seed: int = 0) -> Numbers:
    """Return step-down max-T p values of one-sided tests that each comparison's centre is at most 0.

    Args:
        differences: (units, comparisons), positive in favour of the alternative.
        seed: seed of the random signs.

    Returns:
        (comparisons,) p values that hold the family-wise error; 1 where nothing differs or there are
        no units.
    """
    units, comparisons = differences.shape
    if not units or not comparisons:
        return np.ones(comparisons)
    scaled = normalised(differences)
    observed = scaled.sum(0)
    order = np.argsort(-observed, kind="stable")
    exceed = np.zeros(comparisons)
    total = 0
    for flips in _in_parts(signs(units, seed), comparisons):
        statistics = flips @ scaled[:, order]
        # The largest statistic of those comparisons that are not rejected before this one.
        rest = np.maximum.accumulate(statistics[:, ::-1], axis=1)[:, ::-1]
        exceed += (rest >= observed[order] - ROUNDING).sum(0)
        total += len(flips)
    p = np.empty(comparisons)
    p[order] = np.maximum.accumulate(exceed / total)
    return p


def largest_p(differences: Numbers, seed: int = 0) -> float:
    """Return the p value of the largest of several statistics, against that of all of them together.

    Args:
        differences: (units, comparisons), positive in favour of the alternative.
        seed: seed of the random signs.

    Returns:
        1 where there is nothing to compare.
    """
    units, comparisons = differences.shape
    if not units or not comparisons:
        return 1.0
    scaled = normalised(differences)
    observed = scaled.sum(0).max()
    exceed, total = 0, 0
    for flips in _in_parts(signs(units, seed), comparisons):
        exceed += int(((flips @ scaled).max(1) >= observed - ROUNDING).sum())
        total += len(flips)
    return exceed / total


def least_units(alpha: float = ALPHA, arrangements: int = 1) -> int:
    """Return the least number of units at which a test by signs can reject at `alpha`.

    Args:
        alpha: level of the test.
        arrangements: number of arrangements of signs that are as extreme as the most extreme data:
            1 for one-sided tests of one direction, 2 where comparisons in both directions share the
            signs.

    The least p value of n units is `arrangements` / 2^n.
    """
    units = 1
    while arrangements * 0.5**units > alpha:
        units += 1
    return units


def _in_parts(flips: Numbers, comparisons: int) -> Iterator[Numbers]:
    rows = max(1, VALUES_AT_ONCE // max(1, comparisons))
    return (flips[first : first + rows] for first in range(0, len(flips), rows))
