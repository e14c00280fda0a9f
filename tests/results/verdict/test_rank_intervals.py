"""Ranks as intervals."""

import numpy as np

from xaibench.results.verdict.rank_intervals import rank_intervals, surely_better


def test_what_is_told_apart_has_one_rank_and_what_is_not_has_several():
    generator = np.random.default_rng(0)
    goodness = generator.normal((9.0, 5.0, 5.0, 0.0), 1, size=(15, 4))
    low, high = rank_intervals(surely_better(goodness))
    assert low.tolist() == [1, 2, 2, 4]
    assert high.tolist() == [1, 3, 3, 4]


def test_nobody_is_surely_better_on_five_units():
    goodness = np.tile([3.0, 2.0, 1.0], (5, 1))
    low, high = rank_intervals(surely_better(goodness))
    assert (low.tolist(), high.tolist()) == ([1, 1, 1], [3, 3, 3])
    assert surely_better(np.tile([3.0, 2.0, 1.0], (6, 1))).sum() == 3


def test_better_is_never_both_ways():
    better = surely_better(np.random.default_rng(3).normal((1.0, 0.0, 0.0), 1, size=(20, 3)))
    assert not (better & better.T).any()
