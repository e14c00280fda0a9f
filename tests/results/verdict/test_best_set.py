"""The set of explainers that may be best."""

import numpy as np

from xaibench.results.verdict.best_set import best_p, may_be_best


def test_a_clear_winner_stands_alone():
    goodness = np.random.default_rng(0).normal((3.0, 0.0, 0.0, 0.0), 1, size=(20, 4))
    assert may_be_best(goodness).tolist() == [True, False, False, False]


def test_too_few_units_leave_everybody_in():
    ladder = [4.0, 3.0, 2.0, 1.0]
    assert may_be_best(np.tile(ladder, (4, 1))).all()
    # The second of four also beats somebody: all signs turned, that counts against it once more.
    assert best_p(np.tile(ladder, (5, 1)))[1] == 2 / 32
    assert may_be_best(np.tile(ladder, (6, 1))).tolist() == [True, False, False, False]
    assert may_be_best(np.tile(ladder[:2], (5, 1))).tolist() == [True, False]


def test_equal_explainers_are_both_in():
    goodness = np.random.default_rng(0).normal((3.0, 0.0), 1, size=(20, 2))[:, [0, 0, 1]]
    assert may_be_best(goodness).tolist() == [True, True, False]


def test_one_explainer_may_be_best():
    assert best_p(np.ones((9, 1))).tolist() == [1.0]


def test_the_set_is_never_empty_also_where_each_is_beaten_on_most_units():
    cycle = np.tile([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]], (10, 1))
    assert may_be_best(cycle).all()


def test_the_true_best_is_missed_in_at_most_five_percent_of_the_runs():
    generator = np.random.default_rng(2)
    means = np.linspace(0.3, 0, 6)
    missed = sum(not may_be_best(generator.normal(means, 1, size=(10, 6)))[0] for _ in range(400))
    assert missed / 400 <= 0.07
