import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import cell

from xaibench.results.statistics.ties import cliques, letter, letters, letters_in, ties_frame, ties_of


def scores(shifts, n=40, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + np.array(shifts) + noise * rng.normal(size=(n, len(shifts)))


def test_clear_differences_are_ranks():
    found = ties_of(cell(scores([3.0, 1.0, 2.0])))
    assert found.ranks.tolist() == [1, 3, 2]
    assert found.letters == ("a", "c", "b")
    assert found.friedman < 1e-6


def test_lower_is_better_where_the_metric_says_so():
    found = ties_of(cell(scores([3.0, 1.0, 2.0]), higher_is_better=False))
    assert found.ranks.tolist() == [3, 1, 2]


def test_those_that_cannot_be_told_apart_share_a_rank():
    found = ties_of(cell(scores([2.0, 2.0, 0.0])))
    assert found.ranks.tolist() == [1, 1, 3]
    assert found.letters == ("a", "a", "b")


def test_where_friedman_does_not_reject_all_are_tied():
    found = ties_of(cell(scores([0.0] * 4, noise=1.0)))
    assert found.friedman > 0.05
    assert found.ranks.tolist() == [1] * 4
    assert found.letters == ("a",) * 4


def test_who_is_between_two_shares_a_letter_with_both():
    apart = np.zeros((3, 3), dtype=bool)
    apart[0, 2] = apart[2, 0] = True
    assert letters(apart, [0, 1, 2]) == ("a", "ab", "b")
    assert letters(apart, [2, 1]) == ("", "a", "a")
    assert letters(apart, []) == ("", "", "")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.floats(0, 1), st.integers(0, 10_000))
def test_letters_are_the_maximal_cliques(count, density, seed):
    linked = np.random.default_rng(seed).uniform(size=(count, count)) < density
    linked = np.triu(linked, 1) | np.triu(linked, 1).T
    expected = {frozenset(group) for group in networkx.find_cliques(networkx.from_numpy_array(linked))}
    found = list(cliques(linked, range(count)))
    assert len(found) == len(set(found))
    assert set(found) == expected
    shared = letters(~linked, range(count))
    for i, j in np.ndindex(count, count):
        assert i == j or bool(set(shared[i]) & set(shared[j])) == linked[i, j]


def test_letters_do_not_run_out():
    assert [letter(k) for k in (0, 25, 26, 52)] == ["a", "z", "a1", "a2"]


def test_an_explainer_without_scores_has_no_rank_and_takes_no_images_away():
    table = scores([3.0, 1.0, 0.0])
    table[:, 1] = np.nan
    found = ties_of(cell(table))
    np.testing.assert_array_equal(found.ranks, [1, np.nan, 2])
    assert found.letters == ("a", "", "b")
    assert (found.images, found.left_out) == (40, 0)
    frame = ties_frame(cell(table))
    assert frame["reason"].tolist() == ["", "undefined: no box (40)", ""]


def test_images_that_some_have_no_score_of_are_counted():
    table = scores([3.0, 1.0, 2.0])
    table[:7, 2] = np.nan
    found = ties_of(cell(table))
    assert (found.images, found.left_out) == (33, 7)
    assert found.ranks.tolist() == [1, 3, 2]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_too_few_images_tell_nobody_apart(n):
    table = scores([3.0, 1.0, 2.0], n=max(n, 1))
    if n == 0:
        table[:] = np.nan
    found = ties_of(cell(table))
    assert set(found.ranks[~np.isnan(found.ranks)]) <= {1.0}


def test_two_explainers_need_no_friedman():
    found = ties_of(cell(scores([1.0, 0.0])))
    assert np.isnan(found.friedman)
    assert found.ranks.tolist() == [1, 2]


def test_several_classes_make_no_more_images():
    """Five images, ten classes each: no test on five images rejects, one on fifty would."""
    table = np.repeat(scores([3.0, 1.0, 2.0], n=5), 10, axis=0)
    images = [f"i{n}" for n in range(5) for _ in range(10)]
    assert ties_of(cell(table, images=images)).ranks.tolist() == [1, 1, 1]
    assert ties_of(cell(table)).ranks.tolist() == [1, 3, 2]


def wrongly_apart(shifts, n: int, times: int) -> float:
    """How often any two that are equal are told apart."""
    equal = np.equal.outer(shifts, shifts)
    wrong = 0
    for seed in range(times):
        found = ties_of(cell(scores(shifts, n=n, noise=1.0, seed=seed)))
        wrong += bool((found.better & equal).any())
    return wrong / times


def test_equals_are_rarely_told_apart():
    assert wrongly_apart([0.0] * 4, 15, 25) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 25)


@pytest.mark.slow
@pytest.mark.parametrize("shifts", [[0.0] * 6, [0.0, 0.0, 0.0, 0.0, 3.0], [0.0, 0.0, 2.0, 2.0]])
def test_equals_are_told_apart_in_one_run_of_twenty_at_most(shifts):
    times = 600
    assert wrongly_apart(shifts, 25, times) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)


def test_letters_that_stand_together_are_read_one_by_one():
    every = [letter(number) for number in range(80)]
    assert letters_in("".join(every)) == every
    assert letters_in("") == []
