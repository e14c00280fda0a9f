"""Gaffke's bound: closed forms, invariances and coverage."""

import numpy as np
import pytest
from scipy.stats import binomtest

from xaibench.results.verdict.bounded_intervals import bounded_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 6), (6, 6), (3, 6), (1, 40), (39, 40)])
def test_of_zeros_and_ones_it_is_clopper_and_pearsons(hits, n):
    scores = np.repeat((1.0, 0.0), (hits, n - hits))
    expected = binomtest(hits, n).proportion_ci(method="exact")
    np.testing.assert_allclose(bounded_interval(scores), expected, atol=1e-12)


def test_six_hits_of_six_are_no_certainty():
    low, high = bounded_interval(np.ones(6))
    assert (round(low, 2), high) == (0.54, 1.0)


def test_one_score_off_the_edge_changes_little():
    """The draws agree with the Beta quantiles that stand for them where all scores are 0 or 1."""
    nearly = bounded_interval(np.array([1.0] * 5 + [1 - 1e-6]))
    np.testing.assert_allclose(nearly, bounded_interval(np.ones(6)), atol=0.01)


def test_it_moves_with_the_scale_and_turns_with_the_direction():
    scores = np.random.default_rng(0).random(9)
    low, high = bounded_interval(scores)
    np.testing.assert_allclose(bounded_interval(2 * scores - 1, -1, 1), (2 * low - 1, 2 * high - 1))
    turned = bounded_interval(1 - scores)
    np.testing.assert_allclose(turned, (1 - high, 1 - low), atol=0.01)


def test_no_scores_tell_nothing():
    assert bounded_interval(np.empty(0)) == (0.0, 1.0)


def test_scores_beyond_the_bounds_are_refused():
    with pytest.raises(ValueError, match=r"beyond 0\.0 to 1\.0"):
        bounded_interval(np.array([0.5, 1.1]))
    with pytest.raises(ValueError, match="finite"):
        bounded_interval(np.array([0.5]), 0, np.inf)


@pytest.mark.parametrize("n", [5, 12])
@pytest.mark.parametrize("name", ["skewed", "binary", "uniform"])
def test_it_holds_the_true_mean(name, n):
    generator = np.random.default_rng(7)
    draw, mean = {
        "skewed": (lambda: generator.beta(0.3, 2.7, size=n), 0.1),
        "binary": (lambda: (generator.random(n) < 0.9).astype(float), 0.9),
        "uniform": (lambda: generator.random(n), 0.5),
    }[name]
    intervals = [bounded_interval(draw()) for _ in range(400)]
    assert np.mean([low <= mean <= high for low, high in intervals]) >= 0.94
