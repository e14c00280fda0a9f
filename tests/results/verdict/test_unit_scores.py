"""Midranks with ties within a tolerance, and families with one vote each."""

import numpy as np
from scipy.stats import rankdata

from xaibench.results.verdict.unit_scores import family_means, midranks


def test_without_a_tolerance_they_are_scipys_average_ranks():
    scores = np.random.default_rng(0).integers(5, size=(20, 7)).astype(float)
    np.testing.assert_array_equal(midranks(scores, 0), rankdata(-scores, axis=1))


def test_scores_that_are_nearly_equal_share_their_rank():
    assert midranks(np.array([[0.5, 0.50005, 0.4]]), 1e-4).tolist() == [[1.5, 1.5, 3]]
    assert midranks(np.array([[0.5, 0.5002, 0.4]]), 1e-4).tolist() == [[2, 1, 3]]


def test_a_chain_of_small_steps_is_not_one_tie():
    steps = np.array([[0.0, 0.6, 1.2, 1.8]]) * 1e-4
    assert midranks(steps, 1e-4).tolist() == [[3.5, 3.5, 1.5, 1.5]]


def test_a_missing_score_has_no_rank_and_takes_none():
    ranks = midranks(np.array([[0.1, np.nan, 0.3]]), 0)
    np.testing.assert_array_equal(ranks, [[2, np.nan, 1]])


def test_a_family_has_one_vote_however_many_its_metrics():
    first, second = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])
    means = family_means({"faithfulness": [first, first, first], "localisation": [second]})
    assert means.tolist() == [[1.5, 1.5]]


def test_a_family_without_a_score_does_not_vote():
    missing = np.full((1, 2), np.nan)
    means = family_means({"faithfulness": [np.array([[1.0, 2.0]])], "localisation": [missing]})
    assert means.tolist() == [[1, 2]]
