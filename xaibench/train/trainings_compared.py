"""Differences between trained networks, with intervals over both trainings and images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from xaibench.results.kept import Array


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    Args:
        mean: over all seeds and images.
        low, high: ends of the 95 % interval; NaN where there is one number alone.
        seeds, images: how many of each.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: int


def clustered(values: Array, level: float = 0.95) -> Estimate:
    """Return the mean of values clustered by training and by image, with its two-way interval.

    The variance of the mean is clustered two ways (Cameron, Gelbach and Miller 2011,
    doi:10.1198/jbes.2010.07136): that of the seeds' sums, plus that of the images' sums, less that of
    the single values, each times n / (n - 1) for its n clusters; where that is below the larger of the
    first two, the larger. The interval is Student's with one degree of freedom less than there are
    seeds, or images where those are fewer. With one seed only the images are clustered: the interval
    then says nothing about another training.

    Args:
        values: (S, N), of each seed on each image, such as differences; NaN where there is none.
        level: of the interval.
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    count = int(known.sum())
    mean = float(numbers[known].mean()) if count else float("nan")
    errors = np.where(known, numbers - mean, 0.0)
    seeds, images = int(known.any(1).sum()), int(known.any(0).sum())
    spread = [
        clusters / (clusters - 1) * float((sums**2).sum()) / count**2
        for sums, clusters in ((errors.sum(1), seeds), (errors.sum(0), images))
        if clusters > 1
    ]
    if not spread:
        return Estimate(mean, float("nan"), float("nan"), seeds, images)
    variance = max(spread)
    if len(spread) == 2:
        single = count / (count - 1) * float((errors**2).sum()) / count**2
        variance = max(variance, sum(spread) - single)
    freedom = min(n for n in (seeds, images) if n > 1) - 1
    half = float(t.ppf((1 + level) / 2, freedom)) * variance**0.5
    return Estimate(mean, mean - half, mean + half, seeds, images)


def matrix(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores as seeds by images; an image with several classes has their mean."""
    return scores.pivot_table(values="score", index="seed", columns="image", aggfunc="mean")


def means_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of every arm, explainer and metric over seeds and images, with its interval."""
    keys = ["arm", "explainer", "metric", "higher_is_better"]
    records = []
    for key, group in scores.groupby(keys, sort=False):
        records.append(
            dict(zip(keys, key, strict=True)) | columns_of(clustered(matrix(group).to_numpy()))
        )
    return pd.DataFrame(records)


def differences_of(scores: pd.DataFrame, baseline: str, explainers: Sequence[str]) -> pd.DataFrame:
    """Return each arm's differences to the baseline, paired by seed and image, for some explainers."""
    records = []
    some = scores[scores["explainer"].isin(explainers)]
    for key, group in some.groupby(["explainer", "metric", "higher_is_better"], sort=False):
        arms = {str(arm): matrix(own) for arm, own in group.groupby("arm", sort=False)}
        for arm, own in arms.items():
            if arm == baseline:
                continue
            paired = own - arms[baseline]  # NaN where either has none
            facts = dict(zip(("explainer", "metric", "higher_is_better"), key, strict=True))
            estimate = clustered(np.asarray(paired.to_numpy(), dtype=float))
            both = [one.where(paired.notna()).stack().mean() for one in (own, arms[baseline])]
            means = dict(zip(("of arm", "of less"), both, strict=True))
            records.append({"arm": arm, "less": baseline, **facts, **columns_of(estimate), **means})
    return pd.DataFrame(records)


def columns_of(estimate: Estimate) -> dict[str, float]:
    """Return an estimate as columns of a table."""
    return {
        "mean": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "seeds": estimate.seeds,
        "images": estimate.images,
    }
