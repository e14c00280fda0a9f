"""How sure a value is: bootstrap intervals over images.

Percentile intervals are too narrow on few images: they take the spread with n for n - 1, and normal
for t quantiles. The expanded percentile interval (Hesterberg 2015, arXiv:1411.5279) takes the quantiles that
make up for both, so that it is about as wide as a t interval, but as skewed as the scores.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from xaibench.results.arrays import Numbers, Totals
from xaibench.results.estimator import MEAN

RESAMPLES = 2000
AT_ONCE = 4_000_000  # weights in memory: 32 MB


def interval(
    scores: "pd.Series[float]", images: "pd.Series[str]", level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the mean, images drawn with all of their scores.

    An image that is asked about for several classes has several scores, which do not vary
    independently: images are resampled, not scores.

    Args:
        scores: one number a trial.
        images: which image each is of.
        level: share of samples whose interval holds the true mean.
        seed: of the resampling.

    Returns:
        Lower and upper end; NaN for fewer than two images.
    """
    by_image = scores.groupby(images.to_numpy()).agg(["sum", "count"]).to_numpy(dtype=float)
    low, high = ends(resampled(by_image, MEAN.value, seed), len(by_image), level)
    return (float(low), float(high))


def resampled(
    totals: Totals,
    value: Callable[[Numbers], Numbers],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Numbers:
    """The value of samples of as many images, drawn with replacement.

    The same seed and number of images draw the same images, whatever the totals are: values from
    two calls are paired.

    Args:
        totals: what each image adds, (n, ..., k).
        value: of sums over images, (..., k) to (...).
        seed: of the draws.
        resamples: how many samples.

    Returns:
        (resamples, ...).
    """
    n = len(totals)
    if n == 0:
        return np.full((resamples, *totals.shape[1:-1]), np.nan)
    generator = np.random.default_rng(seed)
    flat = totals.reshape(n, -1)
    at_once = max(1, min(resamples, AT_ONCE // n))
    sums = []
    for begin in range(0, resamples, at_once):  # in blocks, for memory alone
        rows = min(at_once, resamples - begin)
        drawn = generator.integers(n, size=(rows, n))
        drawn += n * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        sums.append(times.astype(float) @ flat)
    return value(np.concatenate(sums).reshape(resamples, *totals.shape[1:]))


def ends(values: Numbers, images: int, level: float = 0.95) -> tuple[Numbers, Numbers]:
    """Lower and upper ends of the expanded percentile interval.

    Args:
        values: of resamples, (R, ...).
        images: how many were drawn from.
        level: of confidence.

    Returns:
        Two arrays (...); NaN for fewer than two images. With few images both ends stay within what
        was seen, however few they are: below about six the interval is too narrow all the same.
    """
    if images < 2 or np.isnan(values).all():
        nothing = np.full(values.shape[1:], np.nan)
        return nothing, nothing
    t = stdtrit(images - 1, (1 + level) / 2)
    tail = ndtr(-t * np.sqrt(images / (images - 1)))
    quantile = np.nanquantile if np.isnan(values).any() else np.quantile
    low, high = quantile(values, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)
