"""Intervals hold the true mean as often as they say."""

import numpy as np
import pytest

from xaibench.results.aggregates import MEAN
from xaibench.results.intervals import AT_ONCE, drawn, ends, resampled

POPULATIONS = {  # how to draw, and the true mean
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "uniform": (lambda rng, size: rng.uniform(size=size), 0.5),
    "skewed": (lambda rng, size: rng.beta(1, 3, size=size), 0.25),
    "hits": (lambda rng, size: (rng.uniform(size=size) < 0.6).astype(float), 0.6),
}


def coverage(draw, mean, n: int, times: int, classes: int = 1, level=0.95, seed: int = 0) -> float:
    """The share of `times` samples of n images whose interval holds the mean.

    Images with several classes share most of what their scores vary by, and not all have as many.
    """
    rng = np.random.default_rng([n, seed])
    shared = draw(rng, (n, times))
    counts = rng.integers(1, classes + 1, size=(n, times))
    own = sum(np.where(counts > k, draw(rng, (n, times)) - mean, 0) for k in range(classes)) / 4
    sums = counts * shared + (own if classes > 1 else 0)
    values = resampled(np.stack([sums, counts], axis=2), MEAN.value, seed)
    low, high = ends(values, n, level)
    return float(((low <= mean) & (mean <= high)).mean())


@pytest.mark.parametrize(("draw", "mean"), POPULATIONS.values(), ids=POPULATIONS)
def test_intervals_cover_roughly_at_their_rate(draw, mean):
    assert 0.95 - 0.027 < coverage(draw, mean, 40, 800) < 0.99


def test_few_images_are_no_excuse():
    """With plain percentiles, eight images would give 0.89."""
    assert coverage(*POPULATIONS["normal"], 8, 800) == pytest.approx(0.95, abs=0.027)


def test_images_of_several_classes_are_covered_as_well():
    assert coverage(*POPULATIONS["normal"], 30, 800, classes=4) == pytest.approx(0.95, abs=0.027)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("n", [10, 20, 40, 100])
@pytest.mark.parametrize(("draw", "mean"), POPULATIONS.values(), ids=POPULATIONS)
def test_intervals_cover_at_their_rate(draw, mean, n, classes):
    found = np.mean([coverage(draw, mean, n, 500, classes, seed=seed) for seed in range(8)])
    assert 0.95 - (0.015 if n > 10 else 0.035) < found
    # Hits and misses come in steps: an interval that reaches the next one covers more than it has to.
    assert found < (0.99 if mean == POPULATIONS["hits"][1] else 0.965)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_other_levels_hold_too(level):
    found = np.mean([coverage(*POPULATIONS["normal"], 30, 500, level=level, seed=k) for k in range(8)])
    assert found == pytest.approx(level, abs=0.025)


def test_blocks_of_samples_are_samples():
    """More images than fit at once: each sample still holds as many as there are."""
    n = AT_ONCE // 3
    times = list(drawn(n, 0, 5))
    assert [len(block) for block in times] == [3, 2]
    assert all((block.sum(1) == n).all() for block in times)
    assert not np.array_equal(times[0][0], times[1][0])


def test_a_value_that_no_sample_has_is_nan_and_one_that_most_have_is_not():
    totals = np.zeros((6, 2, 2))
    totals[:2, 0] = 1, 1
    low, high = ends(resampled(totals, MEAN.value), 6)
    np.testing.assert_array_equal(low, [1, np.nan])
    np.testing.assert_array_equal(high, [1, np.nan])


def test_no_images_have_no_value():
    values = resampled(np.zeros((0, 3, 2)), MEAN.value)
    assert np.isnan(values).all()
    assert np.isnan(ends(values, 0)).all()


def test_an_aggregate_that_is_no_mean_is_resampled_as_it_is_defined():
    """The best of two thresholds for all images together, as MaxBoxAccV2 takes it."""
    hits = np.random.default_rng(0).uniform(size=(9, 2)) < 0.5
    totals = np.column_stack([hits, np.ones(9)])

    def best(sums):
        return sums[..., :2].max(-1) / sums[..., 2]

    values = resampled(totals, best, seed=3, resamples=50)
    (times,) = drawn(9, 3, 50)
    literal = [max(np.repeat(hits, row.astype(int), axis=0).mean(0)) for row in times]
    np.testing.assert_allclose(values, literal)
