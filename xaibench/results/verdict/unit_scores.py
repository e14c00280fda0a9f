"""One score a unit: midranks within each unit and metric, averaged within families, then over them.

A unit is what is drawn independently: an example's group, or else its image. Metrics of one family
(insertion, deletion and their difference) say the same thing in several ways and have one vote.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from xaibench.results.arrays import Numbers

EQUAL = 1e-4  # of a metric's range: scores that are closer are equal


def midranks(goodness: Numbers, tolerance: float) -> Numbers:
    """Return ranks along the last axis, 1 for the largest, equal ones sharing their mean.

    Scores are put in order, and each that is closer than `tolerance` to its neighbour joins the
    neighbour's tie, but no tie reaches further than `tolerance` from its best score: a long chain of
    small steps is not one tie.

    Args:
        goodness: (..., explainers), larger is better; NaN stays NaN and takes no rank.
        tolerance: difference up to which two scores are equal, in the metric's unit.

    Returns:
        The same shape.
    """
    order = np.argsort(-goodness, axis=-1, kind="stable")  # NaN last
    descending = np.take_along_axis(goodness, order, axis=-1)
    tied = descending.copy()
    for place in range(1, goodness.shape[-1]):
        best, score = tied[..., place - 1], descending[..., place]
        tied[..., place] = np.where(best - score <= tolerance, best, score)
    ahead = (tied[..., None, :] > tied[..., :, None]).sum(-1)
    level = (tied[..., None, :] == tied[..., :, None]).sum(-1)  # an explainer is level with itself
    in_order = np.where(np.isnan(descending), np.nan, ahead + (level + 1) / 2)
    ranks: Numbers = np.empty_like(in_order)
    np.put_along_axis(ranks, order, in_order, axis=-1)
    return ranks


def family_means(ranks: Mapping[str, Sequence[Numbers]]) -> Numbers:
    """Average ranks within each family of metrics, then over the families.

    Args:
        ranks: for each family the (units, explainers) ranks of its metrics; NaN where there is none.

    Returns:
        (units, explainers): means over what is known; NaN where nothing is.
    """
    return known_mean([known_mean(metrics) for metrics in ranks.values()])


def known_mean(arrays: Sequence[Numbers]) -> Numbers:
    """Return the mean over several arrays of what is not NaN; NaN where all are."""
    stacked = np.stack(list(arrays))
    known = ~np.isnan(stacked)
    counts = known.sum(0)
    sums = np.where(known, stacked, 0.0).sum(0)
    means: Numbers = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
