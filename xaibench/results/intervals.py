"""Bootstrap intervals over images.

Percentile intervals are too narrow on few images: they take the spread with n for n - 1, and normal
for t quantiles. The expanded percentile interval (Hesterberg 2015, arXiv:1411.5279) takes the
quantiles that make up for both: it is about as wide as a t interval, but as skewed as the scores.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from xaibench.results.aggregates import MEAN
from xaibench.results.arrays import Numbers, Times, Totals

RESAMPLES = 2000
AT_ONCE = 4_000_000  # weights in memory: 32 MB


def interval(
    scores: "pd.Series[float]", images: "pd.Series[str]", level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean, drawing images with all of their scores.

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
    codes, names = pd.factorize(images, sort=True)
    totals = np.zeros((len(names), 2))
    np.add.at(totals, codes, np.stack([scores.to_numpy(dtype=float), np.ones(len(scores))], axis=1))
    low, high = ends(resampled(totals, MEAN.value, seed), len(names), level)
    return (float(low), float(high))


def resampled(
    totals: Totals,
    value: Callable[[Numbers], Numbers],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Numbers:
    """Return the values of resamples of the images, drawn with replacement.

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
    flat = totals.reshape(n, -1)
    sums = [times @ flat for times in drawn(n, seed, resamples)]
    return value(np.concatenate(sums).reshape(resamples, *totals.shape[1:]))


def drawn(n: int, seed: int, resamples: int) -> Iterable[Times]:
    """Return how often each of n images is in each resample, in pieces that fit in memory."""
    if n * resamples <= AT_ONCE:
        return (drawn_at_once(n, seed, resamples),)
    generator = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // n)
    return (draw(generator, n, min(rows, resamples - done)) for done in range(0, resamples, rows))


@lru_cache(maxsize=4)  # a table asks for the same images again and again
def drawn_at_once(n: int, seed: int, resamples: int) -> Times:
    """Return all resamples as one read-only array."""
    times = draw(np.random.default_rng(seed), n, resamples)
    times.setflags(write=False)
    return times


def draw(generator: np.random.Generator, n: int, resamples: int) -> Times:
    """Return how often each of n images is in each of some resamples of size n."""
    images = generator.integers(n, size=(resamples, n))
    images += n * np.arange(resamples)[:, None]
    counts = np.bincount(images.ravel(), minlength=resamples * n)
    return counts.reshape(resamples, n).astype(float)


def ends(values: Numbers, images: int, level: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the lower and upper ends of the expanded percentile interval.

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
    unknown = np.isnan(values)
    if not unknown.any():
        low, high = np.quantile(values, [tail, 1 - tail], axis=0)
        return np.asarray(low), np.asarray(high)
    never = unknown.all(0)  # a sample may lack the few images that have a score
    low, high = np.nanquantile(np.where(never, 0.0, values), [tail, 1 - tail], axis=0)
    return np.where(never, np.nan, low), np.where(never, np.nan, high)
