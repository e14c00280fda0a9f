"""The set of explainers that may be best: a confidence set by randomised max-T tests.

Explainer i stays in the set unless the hypothesis that it is best is rejected: its statistic is the
largest self-normalised sum of what any other explainer is better by. The set contains the true best
with the stated confidence where differences are not strongly skewed. The same idea, by elimination and
the bootstrap, is the model confidence set of Hansen, Lunde and Nason 2011 (doi:10.3982/ECTA5771).
"""

import numpy as np

from xaibench.results.arrays import Each, Flags, Numbers
from xaibench.results.verdict.sign_flips import ALPHA, largest_p


def best_p(goodness: Numbers, seed: int = 0) -> Each:
    """Return for each explainer the p value of the hypothesis that no other one is better.

    Args:
        goodness: (units, explainers), larger is better, none of them NaN.
        seed: seed of the random signs.
    """
    explainers = goodness.shape[1]
    return np.array(
        [largest_p(np.delete(goodness, i, axis=1) - goodness[:, [i]], seed) for i in range(explainers)],
        dtype=float,
    )


def may_be_best(goodness: Numbers, alpha: float = ALPHA, seed: int = 0) -> Flags:
    """Return which explainers may be best at confidence 1 - `alpha`.

    Args:
        goodness: (units, explainers), larger is better, none of them NaN.
        alpha: probability with which the true best may be missing.
        seed: seed of the random signs.

    Returns:
        (explainers,) of bool; never all False.
    """
    return best_p(goodness, seed) > alpha
