"""Ranks as intervals: between how many explainers are surely better and how many surely worse.

By step-down max-T over all pairs in both directions, so that all the intervals hold together
(after Mogstad, Romano, Shaikh and Wilhelm 2024, doi:10.1093/restud/rdad006, with random signs).
"""

import numpy as np

from xaibench.results.arrays import Each, Numbers, Pairs
from xaibench.results.verdict.sign_flips import ALPHA, adjusted_p


def surely_better(goodness: Numbers, alpha: float = ALPHA, seed: int = 0) -> Pairs:
    """Return which explainer (row) is better than which other one (column) beyond noise.

    Args:
        goodness: (units, explainers), larger is better, none of them NaN.
        alpha: probability that any of the statements is wrong.
        seed: seed of the random signs.

    Returns:
        (explainers, explainers) of bool, False on the diagonal.
    """
    explainers = goodness.shape[1]
    row, column = np.nonzero(~np.eye(explainers, dtype=bool))
    better = np.zeros((explainers, explainers), dtype=bool)
    better[row, column] = adjusted_p(goodness[:, row] - goodness[:, column], seed) <= alpha
    return better


def rank_intervals(better: Pairs) -> tuple[Each, Each]:
    """Return the lowest and the highest rank that each explainer may have, 1 for the best.

    Args:
        better: `surely_better`.
    """
    low = 1.0 + better.sum(0)
    high = float(len(better)) - better.sum(1)
    return low, high
