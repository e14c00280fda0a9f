"""Explainers against controls, methods that never look at the network: who beats chance."""

import numpy as np

from xaibench.results.arrays import Numbers
from xaibench.results.verdict.sign_flips import adjusted_p


def control_p(explainers: Numbers, controls: Numbers, seed: int = 0) -> Numbers:
    """Return step-down max-T p values that an explainer is no better than a control.

    One-sided, corrected over all pairs of an explainer and a control together (Romano and Wolf 2005).

    Args:
        explainers: (units, E) of goodness, larger is better, none of them NaN.
        controls: (units, C), likewise.
        seed: seed of the random signs.

    Returns:
        (E, C).
    """
    differences = explainers[:, :, None] - controls[:, None, :]
    units, ours, theirs = differences.shape
    p = adjusted_p(differences.reshape(units, ours * theirs), seed)
    return np.asarray(p.reshape(ours, theirs))
