from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xaibench.results.statistics.significance import friedman, holm, signed_rank, strictest

# Table 6 of Demsar 2006: ranks of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets.
DEMSAR = np.array(
    [
        *([4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1]),
        *([1, 2.5, 4, 2.5], [3, 2, 4, 1], [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5]),
        *([4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2]),
    ]
)


def all_signs(differences):
    """The share of all signs that put the signed ranks as far from zero: as Wilcoxon defines it."""
    moved = differences[differences != 0]
    ranks = stats.rankdata(np.abs(moved))
    seen = abs((np.sign(moved) * ranks).sum())
    sums = [abs(np.dot(signs, ranks)) for signs in product((-1, 1), repeat=len(moved))]
    return np.mean([total >= seen - 1e-9 for total in sums])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]), min_size=2, max_size=9))
def test_the_p_of_equal_differences_is_that_of_all_signs(values):
    differences = np.array(values)
    expected = all_signs(differences) if differences.any() else 1.0
    assert signed_rank(differences).p == pytest.approx(expected, abs=1e-12)


def test_it_is_hollander_and_wolfes_depression_example():
    """Nine patients, V = 40, two-sided p 20 / 512."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = signed_rank(before - after)
    assert found.p == pytest.approx(20 / 512)
    assert found.sign == 1


@pytest.mark.parametrize("n", [12, 50, 51, 200])
def test_it_is_scipys_where_no_differences_are_equal(n):
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    assert signed_rank(differences).p == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-9)


def test_nothing_to_test_is_nan_and_no_difference_is_one():
    assert np.isnan(signed_rank(np.array([0.3])).p)
    assert np.isnan(signed_rank(np.array([np.nan, 0.3, np.nan])).p)
    same = signed_rank(np.zeros(5))
    assert (same.p, same.sign) == (1.0, 0)


def test_demsars_mean_ranks_and_friedman_statistic():
    """Published: 3.143, 2.000, 2.893, 1.964; chi-square 9.28 without the correction for ties, F 3.69."""
    n, k = DEMSAR.shape
    means = DEMSAR.mean(0)
    np.testing.assert_allclose(means, [3.143, 2.0, 2.893, 1.964], atol=5e-4)
    plain = 12 * n / (k * (k + 1)) * ((means**2).sum() - k * (k + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=0.011)
    assert (n - 1) * plain / (n * (k - 1) - plain) == pytest.approx(3.69, abs=0.01)
    ties = sum(t**3 - t for row in DEMSAR for t in np.unique(row, return_counts=True)[1])
    corrected = plain / (1 - ties / (n * (k**3 - k)))
    f = (n - 1) * corrected / (n * (k - 1) - corrected)
    assert friedman(-DEMSAR) == pytest.approx(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    assert friedman(-DEMSAR) < 0.05  # as published, whichever way


def test_friedman_has_nothing_to_say_of_two_columns_one_row_or_equal_ones():
    rng = np.random.default_rng(0)
    for blocks in (rng.normal(size=(9, 2)), rng.normal(size=(1, 4)), np.ones((9, 4)), np.ones((0, 4))):
        assert np.isnan(friedman(blocks))
    assert friedman(np.tile([1.0, 2.0, 3.0], (9, 1))) == 0


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.4, np.nan, 0.03])), [0.4, np.nan, 0.06])
    np.testing.assert_allclose(holm(np.array([0.6, 0.7])), [1, 1])
    assert holm(np.array([])).size == 0


def test_significant_tests_cost_the_others_nothing():
    assert strictest(np.array([0.001, 0.2, 0.3, np.nan])) == 0.025
    assert strictest(np.array([0.001])) == 0.05


DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "hits and misses": lambda rng, n: rng.choice([-1.0, 0.0, 1.0], size=n, p=[0.15, 0.7, 0.15]),
    "heavy tails": lambda rng, n: rng.standard_t(2, size=n),
}


def rejected(draw, n: int, times: int) -> float:
    rng = np.random.default_rng(n)
    return float(np.mean([signed_rank(draw(rng, n)).p <= 0.05 for _ in range(times)]))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_test_holds_its_level_roughly(draw):
    assert rejected(draw, 12, 600) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10, 20, 40, 80])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_test_holds_its_level(draw, n):
    times = 5000
    assert rejected(draw, n, times) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)


def friedman_rejected(n: int, k: int, times: int) -> float:
    rng = np.random.default_rng(n * k)
    image = rng.normal(size=(times, n, 1))
    return float(np.mean([friedman(x) <= 0.05 for x in image + rng.normal(size=(times, n, k))]))


def test_friedmans_test_holds_its_level_roughly():
    assert friedman_rejected(12, 5, 400) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k"), [(6, 12), (12, 4), (40, 12)])
def test_friedmans_test_holds_its_level(n, k):
    assert 0.035 < friedman_rejected(n, k, 4000) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
