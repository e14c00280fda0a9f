import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tables import cell, frame, rows

from xaibench.results.statistics.differences import (
    against,
    control_of,
    difference,
    differences,
    win_rates,
)
from xaibench.results.statistics.score_matrix import matrix, paired

NAMES = ["first", "other", "random"]


def scores(n=20, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, 3))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_nothing(seed):
    table = scores()
    table[3, 0] = table[5, 2] = np.nan
    tidy = frame(rows(table, NAMES, images=[f"i{n // 2}" for n in range(20)]))
    shuffled = tidy.sample(frac=1, random_state=seed)
    for ask in (differences, win_rates):
        pd.testing.assert_frame_equal(ask(matrix(shuffled)), ask(matrix(tidy)))


@settings(max_examples=5, deadline=None)
@given(st.floats(-5, 5), st.booleans())
def test_a_constant_added_to_an_explainer_is_added_to_its_difference(shift, higher):
    table, moved = scores(), scores()
    moved[:, 0] += shift
    before = against(cell(table, NAMES, higher_is_better=higher), "random").set_index("explainer")
    after = against(cell(moved, NAMES, higher_is_better=higher), "random").set_index("explainer")
    for column in ("difference", "low", "high"):
        assert after.loc["first", column] == pytest.approx(before.loc["first", column] + shift)
        assert after.loc["other", column] == before.loc["other", column]


def test_turned_round_it_is_its_own_negative():
    one, other = (difference(cell(scores()), *places) for places in ((0, 1), (1, 0)))
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert (one.p, one.sign) == (other.p, -other.sign)


def test_it_is_the_paired_mean_and_scipys_test():
    table = scores()
    found = difference(cell(table), 0, 1)
    assert found.value == pytest.approx((table[:, 0] - table[:, 1]).mean())
    assert found.p == pytest.approx(stats.wilcoxon(table[:, 0], table[:, 1]).pvalue)


def test_what_images_have_in_common_makes_no_difference_unsure():
    """Unpaired, the spread of hard and easy images would drown it."""
    hard = 10 * np.random.default_rng(1).normal(size=(30, 1))
    found = difference(cell(scores(30) / 100 + hard + np.array([0.02, 0, 0])), 0, 1)
    assert 0 < found.low < 0.02 < found.high < 0.03


def test_verdicts_follow_the_direction():
    table = scores() / 10 + np.array([1.0, 0.0, 0.5])
    up, down = (
        against(cell(table, NAMES, higher_is_better=higher), "random").set_index("explainer")["verdict"]
        for higher in (True, False)
    )
    assert up.to_dict() == {"first": "better", "other": "worse"}
    assert down.to_dict() == {"first": "worse", "other": "better"}


def test_a_few_large_differences_against_many_small_ones_are_no_verdict():
    """The mean goes one way, the ranks significantly the other."""
    gains = np.r_[-np.ones(3) * 50, np.linspace(1, 2, 27)]
    table = np.column_stack([gains, np.zeros(30)])
    (row,) = against(cell(table, ["a", "b"]), "b").to_dict("records")
    assert row["p_holm"] < 0.05
    assert row["difference"] < 0
    assert row["verdict"] == "no difference beyond noise"


def test_images_that_one_lacks_are_left_out_and_counted():
    table = scores()
    table[:4, 0] = np.nan
    table[2:6, 1] = np.nan
    found = difference(cell(table), 0, 1)
    assert (found.images, found.left_out) == (14, 6)
    assert found.value == pytest.approx((table[6:, 0] - table[6:, 1]).mean())
    frame_ = against(cell(table, NAMES), "random").set_index("explainer")
    assert frame_.loc["first", "left_out"] == 4
    assert frame_.loc["first", "reason"] == "first: undefined: no box (4)"


def test_an_image_counts_with_the_classes_that_both_have():
    table = np.array([[1.0, 0.0], [np.nan, 9.0], [3.0, 1.0], [2.0, 2.0]])
    found = difference(cell(table, images=["i", "i", "j", "k"]), 0, 1)
    np.testing.assert_allclose(found.gains, [1, 2, 0])
    assert (found.images, found.left_out) == (3, 1)


@pytest.mark.parametrize("table", [[[1.0, 0.0]], [[np.nan, 0.0], [np.nan, 1.0]]])
def test_one_image_or_none_cannot_tell(table):
    (row,) = against(cell(table, ["a", "b"]), "b").to_dict("records")
    assert row["verdict"] == "cannot tell"
    assert np.isnan([row["low"], row["high"], row["p"], row["p_holm"]]).all()


def test_all_ties_are_equal():
    (row,) = against(cell(np.ones((8, 2)), ["a", "b"]), "b").to_dict("records")
    assert row["verdict"] == "equal"
    assert (row["difference"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)


def test_the_control_is_random_or_the_first_that_is_named():
    assert control_of(["a", "random", "z"], ["z"]) == "random"
    assert control_of(["a", "y", "z"], ["z", "y"]) == "z"
    assert control_of(["a"], ["z"]) == ""


def test_everybody_is_compared_with_the_control_and_with_the_best():
    found = differences(cell(scores() + np.array([1, 0, 0]), NAMES))
    assert found.groupby("against")["reference"].unique().map(list).to_dict() == {
        "control": ["random"],
        "best": ["first"],
    }
    assert len(found) == 4
    assert differences(cell(scores()[:, :1], ["alone"])).empty


def test_win_rates_by_hand():
    """Three wins, one loss, one tie, one image without a score; lower is better."""
    table = [[1, 2], [1, 2], [1, 2], [2, 1], [1, 1], [np.nan, 1]]
    found = win_rates(cell(table, ["a", "b"], higher_is_better=False)).set_index("explainer")
    assert found["win"].to_dict() == {"a": 0.7, "b": pytest.approx(0.3)}
    assert found.loc["a", ["equal", "images", "left_out"]].tolist() == [0.2, 5, 1]
    assert found.loc["a", "low"] <= 0.7 <= found.loc["a", "high"]
    assert found.loc["a", "low"] == pytest.approx(1 - found.loc["b", "high"])
    assert found.loc["a", "reason"] == "a: undefined: no box (1)"


def test_a_cell_is_found_by_its_names():
    tidy = frame(rows(scores(), metric="x"), rows(scores(seed=1), metric="x", metric_version=2))
    assert paired(tidy, "m", "d", "x", 2).version == 2
    with pytest.raises(KeyError, match="no rows of x@3 by m on d"):
        paired(tidy, "m", "d", "x", 3)


def test_a_cell_that_was_not_begun_has_an_explainer_and_no_trials():
    lost = rows([[np.nan]], ["lost"], images=[""], reason="no weights")
    found = matrix(frame(rows(scores(), NAMES), lost))
    assert found.explainers == ("first", "lost", "other", "random")
    assert len(found.images) == 20
    assert found.reasons == ("", "undefined: no weights (1)", "", "")
    assert np.isnan(found.values[1])
