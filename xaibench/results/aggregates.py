"""Aggregates: how the scores of a data set become one value, where that is not their mean.

MaxBoxAccV2 takes the one threshold that is best for all images together, pixel AP pools all pixels,
the pointing game is the mean over classes in its literature. What they have in common is that rows
*add up* to something that the value is read off: hits at each threshold, histograms, hits and trials
of each class. An aggregate is these two steps, and the bootstrap needs nothing else: it adds images up
in other proportions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xaibench.api.errors import DataError
from xaibench.results.arrays import Numbers

IOU_LEVELS = (0.3, 0.5, 0.7)


@dataclass(frozen=True)
class Aggregate:
    """The two steps from rows to the value of a data set.

    Args:
        parts: from rows with status "ok" to what each adds, (rows, k).
        value: from sums of parts, (n, ..., k), to the values, (n, ...); NaN where nothing was added.
    """

    parts: Callable[[pd.DataFrame], Numbers]
    value: Callable[[Numbers], Numbers]

    def of(self, rows: pd.DataFrame) -> float:
        """Return the value of some rows with status "ok"; NaN for no rows."""
        if rows.empty:
            return float("nan")
        (value,) = self.value(self.parts(rows).sum(0, keepdims=True))
        return float(value)


def aggregate_of(rows: pd.DataFrame) -> Aggregate:
    """Return the aggregate that some rows of one metric and version name.

    Raises:
        DataError: there is none of that name, or the rows name several.
    """
    names = rows["aggregate"].unique().tolist()
    if len(names) != 1 or names[0] not in AGGREGATES:
        raise DataError(
            f"metric {rows['metric'].iloc[0]!r} is aggregated by {' and '.join(map(repr, names))}; "
            f"expected one of {', '.join(AGGREGATES)}"
        )
    return AGGREGATES[names[0]]


def score_and_one(rows: pd.DataFrame) -> Numbers:
    """Return each row's contribution to a mean, (rows, 2): its score, and 1."""
    scores = rows["score"].to_numpy(dtype=float)
    return np.stack([scores, np.ones_like(scores)], axis=1)


def quotient(totals: Numbers) -> Numbers:
    """Return the mean, from sums (n, ..., 2)."""
    return divided(totals[..., 0], totals[..., 1])


def by_class(rows: pd.DataFrame) -> Numbers:
    """Return (rows, 2 C): the scores of each of the C classes in the rows, then the trials of each."""
    places, names = pd.factorize(rows["target"])
    one_hot = np.eye(len(names))[places]
    scores = rows["score"].to_numpy(dtype=float)[:, None]
    return np.concatenate([scores * one_hot, one_hot], axis=1)


def mean_of_classes(totals: Numbers) -> Numbers:
    """Return the mean of the classes' means, from (n, ..., 2 C); classes without trials are left out."""
    scores, trials = np.split(totals, 2, axis=-1)
    means = divided(scores, trials, otherwise=0.0)
    return divided(means.sum(-1), (trials > 0).sum(-1).astype(float))


def boxes_that_fit(rows: pd.DataFrame) -> Numbers:
    """Return (rows, levels * thresholds + 1): whether the IoU reaches each level at each threshold; 1.

    A row's curve is the IoU of its best box at each threshold.
    """
    best = curves_of(rows)
    levels = np.array(IOU_LEVELS, dtype=np.float32)  # the precision in which curves are kept
    hits = best[:, None, :].astype(np.float32) >= levels[:, None]
    return np.concatenate([hits.reshape(len(rows), -1), np.ones((len(rows), 1))], axis=1)


def at_the_best_threshold(totals: Numbers) -> Numbers:
    """Return the accuracy at the best threshold, averaged over IoU levels (Choe et al. 2020)."""
    hits = totals[..., :-1].reshape(*totals.shape[:-1], len(IOU_LEVELS), -1)
    return divided(hits.max(-1).mean(-1), totals[..., -1])


def curves_of(rows: pd.DataFrame) -> Numbers:
    """Return the curves as (rows, n); they must be equally long.

    Raises:
        DataError: they are not.
    """
    curves = rows["curve"].tolist()
    if len({len(curve) for curve in curves}) != 1:
        raise DataError(f"metric {rows['metric'].iloc[0]!r} has curves of different lengths")
    return np.array(curves, dtype=float)


def average_precision(totals: Numbers) -> Numbers:
    """Return the sum over thresholds, from the highest, of precision times the gain in recall.

    Args:
        totals: (n, ..., 2 b): how much of the object, then of the rest, is in each of b bins of
            saliency, ascending.

    Returns:
        (n, ...), in [0, 1].
    """
    bins = totals.shape[-1] // 2
    object_, rest = totals[..., bins - 1 :: -1], totals[..., : bins - 1 : -1]
    covered = object_.cumsum(-1)
    precision = divided(covered, covered + rest.cumsum(-1), otherwise=0.0)
    return divided((precision * object_).sum(-1), covered[..., -1])


def divided(parts: Numbers, wholes: Numbers, otherwise: float = float("nan")) -> Numbers:
    """Return `parts` / `wholes`, and `otherwise` where the whole is 0."""
    shape = np.broadcast_shapes(parts.shape, wholes.shape)
    quotients: Numbers = np.divide(parts, wholes, out=np.full(shape, otherwise), where=wholes > 0)
    return quotients


MEAN = Aggregate(score_and_one, quotient)
AGGREGATES = {
    "mean": MEAN,
    "class-mean": Aggregate(by_class, mean_of_classes),
    "best-threshold": Aggregate(boxes_that_fit, at_the_best_threshold),
    "average-precision": Aggregate(curves_of, average_precision),
}
