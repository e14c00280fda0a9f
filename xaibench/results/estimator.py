"""What a group of scores comes to: the one place that says how a data set's value is made of images.

Most metrics are averaged. Others are not the mean of anything: MaxBoxAccV2 takes the best threshold
for all images together, pixel AP pools all pixels. What they have in common is that images *add up*
to something that the value is read off: numbers of hits by threshold, histograms. An estimator is
these two steps, and the bootstrap needs nothing else: it adds images up in other proportions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from xaibench.results.arrays import Numbers


@dataclass(frozen=True)
class Estimator:
    """How a data set's value is made.

    Args:
        parts: from rows with status "ok" to what each adds, (rows, k).
        value: from sums of parts, (..., k), to the value, (...); NaN where nothing was added.
    """

    parts: Callable[[pd.DataFrame], Float[np.ndarray, "rows k"]]
    value: Callable[[Numbers], Numbers]


def score_and_one(rows: pd.DataFrame) -> Float[np.ndarray, "rows 2"]:
    """What a row adds to a mean."""
    scores = rows["score"].to_numpy(dtype=float)
    return np.stack([scores, np.ones_like(scores)], axis=1)


def sum_over_count(totals: Numbers) -> Numbers:
    """The mean."""
    counts = totals[..., 1]
    mean: Numbers = np.full(counts.shape, np.nan)
    np.divide(totals[..., 0], counts, out=mean, where=counts > 0)
    return mean


MEAN = Estimator(score_and_one, sum_over_count)


def estimator_of(metric: str) -> Estimator:
    """The estimator of a metric: the mean, for all that there are."""
    return MEAN
