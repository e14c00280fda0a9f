import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from xaibench.train.trainings_compared import clustered


def literal(values):
    """Two-way clustered variance of a mean, pair by pair of values that share a seed or an image."""
    seeds, images = values.shape
    errors = values - values.mean()
    parts = {"seed": 0.0, "image": 0.0, "both": 0.0}
    cells = [(s, i) for s in range(seeds) for i in range(images)]
    for s, i in cells:
        for u, j in cells:
            product = errors[s, i] * errors[u, j]
            parts["seed"] += product * (s == u)
            parts["image"] += product * (i == j)
            parts["both"] += product * (s == u and i == j)
    counts = {"seed": seeds, "image": images, "both": seeds * images}
    var = {k: parts[k] * counts[k] / (counts[k] - 1) / values.size**2 for k in parts}
    return max(var["seed"], var["image"], var["seed"] + var["image"] - var["both"])


@pytest.mark.parametrize("shape", [(3, 8), (5, 4), (2, 12)])
def test_agrees_with_the_sum_over_pairs(shape):
    values = np.random.default_rng(0).normal(0.1, 1, shape) + np.random.default_rng(1).normal(
        0, 1, (shape[0], 1)
    )
    found = clustered(values)
    half = t.ppf(0.975, min(shape) - 1) * literal(values) ** 0.5
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_of_one_seed_it_is_the_paired_t_interval():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 20))
    expected = ttest_rel(first, second).confidence_interval()
    found = clustered((first - second)[None])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.seeds, found.images) == (1, 20)


def test_scores_that_the_seed_alone_decides_are_worth_as_many_as_there_are_seeds():
    """All images of a seed alike: the t interval of the seeds' means."""
    each = np.array([0.1, 0.4, 0.3])
    found = clustered(np.repeat(each[:, None], 50, 1))
    half = t.ppf(0.975, 2) * each.std(ddof=1) / 3**0.5
    assert (found.low, found.high) == pytest.approx((each.mean() - half, each.mean() + half))


def test_no_score_is_no_zero():
    values = np.array([[1.0, np.nan, 3.0], [1.0, np.nan, 3.0]])
    found = clustered(values)
    assert found.mean == 2
    assert (found.seeds, found.images) == (2, 2)
    nothing = clustered(np.array([[np.nan]]))
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say():
    """Of 3 seeds by 40 images, each with an effect of its own."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(2000):
        values = rng.normal(0, 0.3, (3, 1)) + rng.normal(0, 1, (1, 40)) + rng.normal(0, 1, (3, 40))
        found = clustered(values)
        covered += found.low <= 0 <= found.high
    assert covered / 2000 >= 0.94
