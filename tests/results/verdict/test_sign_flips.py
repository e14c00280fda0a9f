"""Max-T tests by random signs, against loops over all signs and closed forms."""

from itertools import product

import numpy as np
import pytest

from xaibench.results.verdict.sign_flips import adjusted_p, largest_p, least_units, normalised, signs


def literal_p(differences, rest):
    """P of the largest statistic among `rest`, all signs tried one after another."""
    scaled = [d / np.sqrt((d**2).sum()) if d.any() else d for d in differences.T]
    observed = max(scaled[k].sum() for k in rest)
    flips = list(product((-1, 1), repeat=len(differences)))
    larger = [max((np.array(s) * scaled[k]).sum() for k in rest) >= observed - 1e-9 for s in flips]
    return sum(larger) / len(flips)


@pytest.fixture
def differences():
    return np.random.default_rng(0).normal((1.0, 0.3, -0.2), 1, size=(7, 3))


def test_all_signs_are_tried_once_on_few_units():
    assert len(np.unique(signs(6), axis=0)) == len(signs(6)) == 64
    assert (signs(6)[0] == 1).all()


def test_many_units_are_flipped_at_random_and_the_data_themselves_are_counted():
    assert signs(13).shape == (10_001, 13)
    assert (signs(13)[0] == 1).all()
    assert abs(signs(13)[1:].mean()) < 0.01


def test_step_down_is_that_of_romano_and_wolf(differences):
    observed = normalised(differences).sum(0)
    order = np.argsort(-observed)
    expected, most = np.empty(3), 0.0
    for place, k in enumerate(order):
        most = max(most, literal_p(differences, order[place:]))
        expected[k] = most
    np.testing.assert_allclose(adjusted_p(differences), expected)


def test_the_largest_statistic_is_tested_against_all_of_them(differences):
    assert largest_p(differences) == literal_p(differences, range(3))


def test_one_comparison_of_equal_differences_has_the_least_p_there_is():
    assert adjusted_p(np.full((5, 1), 0.25)).tolist() == [1 / 32]


def test_no_difference_never_rejects():
    assert adjusted_p(np.zeros((20, 2))).tolist() == [1.0, 1.0]
    assert largest_p(np.zeros((20, 2))) == 1.0
    assert adjusted_p(np.zeros((0, 2))).tolist() == [1.0, 1.0]


def test_the_scale_of_a_comparison_changes_nothing(differences):
    np.testing.assert_array_equal(adjusted_p(differences * [10, 1, 1e-3]), adjusted_p(differences))


def test_five_units_are_the_least_that_can_reject_at_five_percent():
    assert least_units(0.05) == 5
    assert adjusted_p(np.ones((5, 1)))[0] <= 0.05 < adjusted_p(np.ones((4, 1)))[0]


def test_memory_is_bounded_however_many_comparisons(monkeypatch, differences):
    whole = adjusted_p(differences)
    monkeypatch.setattr("xaibench.results.verdict.sign_flips.VALUES_AT_ONCE", 10)
    np.testing.assert_array_equal(adjusted_p(differences), whole)


def test_the_family_wise_error_is_held_where_nothing_differs():
    generator = np.random.default_rng(1)
    wrong = sum(adjusted_p(generator.normal(size=(8, 10))).min() <= 0.05 for _ in range(600))
    assert wrong / 600 <= 0.07
