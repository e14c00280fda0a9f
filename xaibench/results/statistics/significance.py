"""Tests: Wilcoxon's signed ranks, Friedman's ranks, Holm's correction.

scipy has the first two and not quite as they are needed here: its signed ranks are exact only where no
differences are equal, and scores such as the pointing game's 0 and 1 are equal nearly always.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from xaibench.results.arrays import ByImage, Vector, Whole

ALPHA = 0.05
EXACT = 50  # differences up to which the signed ranks' distribution is counted out


@dataclass(frozen=True)
class SignedRank:
    """A two-sided Wilcoxon signed-rank test.

    Args:
        p: NaN where there is nothing to test: fewer than two images.
        sign: 1 where the positive differences have the larger ranks, -1 the negative, 0 neither.
    """

    p: float
    sign: int


def signed_rank(differences: Vector) -> SignedRank:
    """Test whether differences are symmetric about 0. Wilcoxon 1945; zeros are left out, as there.

    The distribution is that over all signs of the ranks at hand, equal ones included: counted out up
    to `EXACT` differences, normal beyond.

    Args:
        differences: an image each; NaN where there is none.

    Returns:
        p 1 and sign 0 where all differences are zero.
    """
    known = differences[~np.isnan(differences)]
    if len(known) < 2:
        return SignedRank(float("nan"), 0)
    moved = known[known != 0]
    if not len(moved):
        return SignedRank(1.0, 0)
    twice = np.rint(2 * rankdata(np.abs(moved))).astype(int)  # ranks of equal ones are halves
    tilt = int(twice[moved > 0].sum() - twice[moved < 0].sum())
    p = counted_out(twice, tilt) if len(moved) <= EXACT else float(wilcoxon(moved).pvalue)
    return SignedRank(p, int(np.sign(tilt)))


def counted_out(twice: Whole, tilt: int) -> float:
    """Return the share of all signs of doubled ranks whose sum is at least as far from 0 as `tilt`."""
    total = int(twice.sum())
    ways = np.zeros(total + 1)
    ways[0] = 1
    for rank in twice:  # the sums of the positive ranks; 2**50 ways are still exact
        ways[rank:] += ways[: total + 1 - rank].copy()
    tilts = 2 * np.arange(total + 1) - total
    return float(ways[np.abs(tilts) >= abs(tilt)].sum() / ways.sum())


def friedman(blocks: ByImage) -> float:
    """Return the p of Friedman's test that the columns of complete rows are exchangeable.

    With Iman and Davenport's F (1980), which keeps its level on few rows where the chi-square is too
    careful (Demsar 2006, section 3.2.2).

    Returns:
        NaN for fewer than two rows or three columns, or where all in each row are equal.
    """
    n, k = blocks.shape
    if n < 2 or k < 3 or (blocks == blocks[:, :1]).all():
        return float("nan")
    chi_square = float(friedmanchisquare(*blocks.T).statistic)
    rest = n * (k - 1) - chi_square
    if rest <= 1e-9 * n * (k - 1):  # every row ranks alike: no F is larger
        return 0.0
    return float(f_distribution.sf((n - 1) * chi_square / rest, k - 1, (k - 1) * (n - 1)))


def holm(p: Vector) -> Vector:
    """Return p values corrected for multiple tests (Holm 1979). NaN stays NaN and is not counted."""
    corrected = np.full(len(p), np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    times = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * times))
    return corrected


def strictest(corrected: Vector, alpha: float = ALPHA) -> float:
    """Return the level that the next of some tests must reach under Holm's correction.

    Tests that are significant already cost the others nothing. It is what planning has to reckon
    with: at 0.05 many a pair would be told apart that among sixty others is not.
    """
    return alpha / max(1, int((corrected > alpha).sum()))
