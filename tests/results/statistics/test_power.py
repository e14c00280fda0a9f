import math

import numpy as np
import pytest
from scipy import stats

from xaibench.results.statistics.power import EFFICIENCY, detectable, images_needed
from xaibench.results.statistics.significance import signed_rank


def with_effect(effect: float, n: int = 40):
    """Differences whose mean is `effect` and whose standard deviation is 1, exactly."""
    values = np.random.default_rng(0).normal(size=n)
    return (values - values.mean()) / values.std(ddof=1) + effect


def t_test_power(effect: float, n: int, alpha: float = 0.05) -> float:
    """Exactly, by the noncentral t distribution."""
    limit = stats.t.isf(alpha / 2, n - 1)
    return stats.nct.sf(limit, n - 1, effect * math.sqrt(n)) + stats.nct.cdf(
        -limit, n - 1, effect * math.sqrt(n)
    )


def test_a_medium_effect_takes_35_images():
    """Cohen's d = 0.5 takes 34 pairs by a t test (Cohen 1988); 33.4 pi / 3 by signed ranks."""
    assert images_needed(with_effect(0.5)) == 35


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.5, 0.8, 1.2])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_it_is_the_exact_t_tests_number_over_the_efficiency(effect, alpha):
    exact = next(n for n in range(3, 10_000) if t_test_power(effect, n, alpha) >= 0.8)
    assert images_needed(with_effect(effect), alpha) == pytest.approx(exact / EFFICIENCY, abs=2.2)


@pytest.mark.parametrize("n", [12, 40, 400])
def test_what_is_detectable_takes_as_many_images_as_there_are(n):
    least = detectable(with_effect(0.0, n))
    assert images_needed(with_effect(least, n)) == n


def test_scores_in_other_units_are_detectable_in_those():
    differences = with_effect(0.1)
    assert detectable(100 * differences) == pytest.approx(100 * detectable(differences))
    assert images_needed(100 * differences) == images_needed(differences)


def test_with_five_images_nothing_can_be_significant():
    assert detectable(with_effect(3.0, 5)) == math.inf
    assert math.isfinite(detectable(with_effect(3.0, 6)))
    assert images_needed(with_effect(1000.0)) == 6
    assert signed_rank(np.arange(1.0, 6)).p > 0.05 >= signed_rank(np.arange(1.0, 7)).p


def test_no_difference_takes_no_number_of_images():
    assert images_needed(np.zeros(9)) == math.inf
    assert images_needed(np.array([1.0, -1.0, np.nan])) == math.inf
    assert math.isnan(images_needed(np.array([1.0])))
    assert math.isnan(detectable(np.array([np.nan, 1.0])))
    assert math.isnan(detectable(np.ones(9)))


def power(effect: float, n: int, times: int) -> float:
    drawn = np.random.default_rng(0).normal(effect, 1, (times, n))
    return float(np.mean([signed_rank(row).p <= 0.05 for row in drawn]))


def test_so_many_images_do_tell_them_apart_four_times_out_of_five():
    assert power(0.5, 35, 1500) == pytest.approx(0.8, abs=0.035)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.2, 0.3, 0.5, 0.8])
def test_the_power_is_what_it_says(effect):
    n = int(images_needed(with_effect(effect)))
    assert power(effect, n, 4000) == pytest.approx(0.8, abs=0.025)
