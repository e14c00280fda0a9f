"""No regression, regression, or it cannot be told."""

import numpy as np

from xaibench.results.verdict.regression import (
    RowChanges,
    RowOutcome,
    outcomes,
    overall,
    rows_to_test,
)


def row(differences, prefix="image"):
    return RowChanges({f"{prefix}-{i}": float(d) for i, d in enumerate(differences)})


def test_the_same_run_twice_is_no_regression():
    assert outcomes([row(np.zeros(24))] * 36) == [RowOutcome.NONE] * 36


def test_four_images_cannot_tell():
    assert outcomes([row(np.zeros(4))]) == [RowOutcome.UNKNOWN]
    assert outcomes([row(np.full(4, -0.5))]) == [RowOutcome.UNKNOWN]
    assert outcomes([row(np.full(5, -0.5))]) == [RowOutcome.REGRESSION]


def test_a_change_in_the_fifth_digit_is_none():
    scores = np.random.default_rng(0).random(12)
    assert outcomes([row(-2e-5 * scores)]) == [RowOutcome.NONE]


def test_one_row_of_36_that_is_much_worse_is_found_on_24_images():
    generator = np.random.default_rng(0)
    rows = [row(np.zeros(24)) for _ in range(35)] + [row(generator.normal(-0.3, 0.2, size=24))]
    assert outcomes(rows) == [RowOutcome.NONE] * 35 + [RowOutcome.REGRESSION]


def test_unchanged_rows_cost_nothing():
    worse = row(np.random.default_rng(1).normal(-0.02, 0.02, size=12))
    alone = outcomes([worse])
    assert outcomes([worse, *[row(np.zeros(12))] * 50])[0] == alone[0] == RowOutcome.REGRESSION


def test_a_loss_within_the_margin_is_no_regression():
    losses = np.random.default_rng(2).normal(-0.001, 0.001, size=30)
    assert outcomes([row(losses)]) == [RowOutcome.NONE]
    assert outcomes([row(losses)], margin=0.0) == [RowOutcome.REGRESSION]


def test_noise_about_the_margin_cannot_be_told():
    assert outcomes([row(np.random.default_rng(3).normal(-0.005, 0.1, size=20))]) == [RowOutcome.UNKNOWN]


def test_all_rows_together():
    assert overall([RowOutcome.NONE, RowOutcome.NONE]) is RowOutcome.NONE
    assert overall([RowOutcome.NONE, RowOutcome.UNKNOWN]) is RowOutcome.UNKNOWN
    assert overall([RowOutcome.UNKNOWN, RowOutcome.REGRESSION]) is RowOutcome.REGRESSION
    assert overall([]) is RowOutcome.UNKNOWN


def test_rows_with_few_units_leave_the_correction():
    table = np.ones((6, 2))
    table[3:, 1] = 0
    assert rows_to_test(table, np.array([True, True]), 0.05).tolist() == [True, False]
    assert rows_to_test(table, np.array([False, True]), 0.05).tolist() == [False, False]


def test_the_level_is_held_over_all_rows_where_nothing_has_changed_but_noise():
    generator = np.random.default_rng(4)
    wrong = 0
    for _ in range(300):
        image_noise = generator.normal(size=(15, 1))
        noise = (image_noise + generator.normal(size=(15, 12))) / 20
        wrong += RowOutcome.REGRESSION in outcomes([row(column) for column in noise.T], margin=0.0)
    assert wrong / 300 <= 0.07
