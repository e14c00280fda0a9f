"""How sure a mean is: bootstrap intervals over images."""

import numpy as np
import pandas as pd

RESAMPLES = 2000


def interval(
    scores: "pd.Series[float]", images: "pd.Series[str]", level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean, images drawn with all of their scores.

    An image that is asked about for several classes has several scores, which do not vary
    independently: images are resampled, not scores.

    Args:
        scores: one number a trial.
        images: which image each is of.
        level: share of resamples inside.
        seed: of the resampling.

    Returns:
        Lower and upper end; NaN for fewer than two images.
    """
    by_image = scores.groupby(images.to_numpy()).agg(["sum", "count"])
    sums, counts = by_image["sum"].to_numpy(), by_image["count"].to_numpy()
    if len(sums) < 2:
        return (float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return (float(low), float(high))
