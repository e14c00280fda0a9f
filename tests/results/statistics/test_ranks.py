import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from tables import cell

from xaibench.results.statistics.ranks import critical_difference, ranked, ranks


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.sampled_from([0.0, 1, 2, 3])
    )
)
def test_ranks_are_scipys(table):
    np.testing.assert_array_equal(ranked(table), stats.rankdata(-table, axis=-1))


def test_who_has_no_value_has_no_rank_and_takes_none():
    np.testing.assert_array_equal(ranked(np.array([1.0, np.nan, 3.0])), [2, np.nan, 1])


@pytest.mark.parametrize(
    ("explainers", "q"),
    [
        (2, 1.960),
        (3, 2.343),
        (4, 2.569),
        (5, 2.728),
        (6, 2.850),
        (7, 2.949),
        (8, 3.031),
        (9, 3.102),
        (10, 3.164),
    ],
)
def test_critical_values_are_those_of_demsars_table_5(explainers, q):
    unit = np.sqrt(explainers * (explainers + 1) / (6 * 100))
    assert critical_difference(explainers, 100) / unit == pytest.approx(q, abs=0.0011)


def test_critical_differences_of_demsars_example():
    """Four classifiers on 14 data sets: 1.25 at 0.05, 1.12 at 0.10."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)
    assert np.isnan(critical_difference(1, 14))
    assert np.isnan(critical_difference(4, 1))


def scores(shifts, n=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + np.array(shifts) + 0.1 * rng.normal(size=(n, len(shifts)))


def test_mean_ranks_are_those_of_the_leaderboard():
    up = cell(scores([3.0, 2.0, 1.0]), metric="up")
    down = cell(scores([3.0, 1.0, 2.0]), metric="down", higher_is_better=False)
    found = ranks([up, down]).frame.set_index("explainer")
    assert found["mean_rank"].to_dict() == {"e0": 2.0, "e1": 1.5, "e2": 2.5}
    assert found["cells"].tolist() == [2, 2, 2]


def test_clear_orders_have_intervals_of_no_width_and_unclear_ones_do_not():
    sure = ranks([cell(scores([3.0, 2.0, 0.0]))]).frame
    assert (sure["low"] == sure["mean_rank"]).all()
    assert (sure["high"] == sure["mean_rank"]).all()
    assert sure["rank"].tolist() == [1, 2, 3]
    unsure = ranks([cell(scores([2.0, 2.0, 0.0]))]).frame
    assert (unsure.loc[:1, "low"] == 1).all()
    assert (unsure.loc[:1, "high"] == 2).all()
    assert unsure["rank"].tolist() == [1, 1, 3]
    assert unsure["tie"].tolist() == ["a", "a", "b"]


def test_intervals_of_mean_ranks_resample_an_image_in_all_metrics():
    """Two copies of a metric are as unsure as one, not surer."""
    table = scores([0.02, 0.0, 0.01])
    once = ranks([cell(table)]).frame
    twice = ranks([cell(table), cell(table, metric="y")]).frame
    for column in ("mean_rank", "low", "high", "rank"):
        np.testing.assert_allclose(once[column], twice[column])


def test_an_image_counts_once_however_many_metrics_it_is_scored_by():
    table = scores([0.4, 0.0, 0.2], n=5)
    many = [cell(table, metric=f"x{k}") for k in range(8)]
    assert ranks(many).frame["rank"].tolist() == [1, 1, 1]
    assert ranks(many).image_ranks.shape == (5, 3)


def test_images_of_several_data_sets_count_together():
    cells = [cell(scores([0.4, 0.0, 0.2], n=9, seed=k), dataset=f"d{k}") for k in range(4)]
    found = ranks(cells)
    assert found.image_ranks.shape == (36, 3)
    assert found.frame["rank"].tolist() == [1, 2, 3]


def test_data_sets_of_one_size_are_not_resampled_in_step():
    """In step, six copies would be exactly as unsure as one."""
    table = scores([0.02, 0.0, 0.01])
    one, six = ([cell(table, dataset=f"d{k}") for k in range(count)] for count in (1, 6))
    widths = [(found["high"] - found["low"]).sum() for found in (ranks(one).frame, ranks(six).frame)]
    assert widths[1] < widths[0]


def test_an_explainer_that_one_cell_lacks_has_a_mean_rank_but_is_not_tested():
    table = scores([3.0, 2.0, 1.0])
    lacking = table.copy()
    lacking[:, 1] = np.nan
    found = ranks([cell(table), cell(lacking, metric="y")])
    assert found.explainers == ("e0", "e2")
    frame = found.frame.set_index("explainer")
    assert frame.loc["e1", ["mean_rank", "cells"]].tolist() == [2, 1]
    assert np.isnan(frame.loc["e1", "rank"])
    assert frame.loc["e1", "tie"] == ""


def test_images_that_some_have_no_score_of_are_counted():
    table = scores([3.0, 2.0, 1.0])
    table[:4, 0] = np.nan
    found = ranks([cell(table), cell(scores([3.0, 2.0, 1.0]), metric="y")])
    assert found.left_out == 4
    assert len(found.image_ranks) == 30  # the other metric has them


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_rank_nobody_apart(n):
    found = ranks([cell(scores([3.0, 2.0, 1.0], n=n))])
    assert found.frame["mean_rank"].tolist() == [1, 2, 3]
    assert found.frame["rank"].tolist() == [1, 1, 1]
    assert found.frame["low"].isna().all() == (n < 2)


def test_no_scores_at_all():
    found = ranks([cell(np.full((3, 2), np.nan))])
    assert found.frame["mean_rank"].isna().all()
    assert found.explainers == ()
