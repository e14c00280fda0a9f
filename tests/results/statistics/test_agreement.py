import numpy as np
import pytest
from tables import cell

from xaibench.results.statistics.agreement import agreement, tau


def named(*values):
    return {f"e{k}": float(value) for k, value in enumerate(values)}


def test_kendall_by_hand():
    """1 2 3 4 and 1 3 2 4: five pairs agree, one does not. With a tie: 2 / sqrt(3 * 2)."""
    assert tau(named(1, 2, 3, 4), named(1, 3, 2, 4)) == (pytest.approx(4 / 6), 4)
    assert tau(named(1, 2, 3), named(1, 1, 2)) == (pytest.approx(2 / np.sqrt(6)), 3)
    assert tau(named(1, 2, 3), named(3, 2, 1)) == (pytest.approx(-1), 3)


def test_who_has_no_value_in_one_is_not_compared():
    assert tau(named(1, 2, np.nan, 3), named(1, 2, 3, np.nan)) == (pytest.approx(1), 2)
    assert np.isnan(tau(named(1, np.nan), named(1, 2))[0])
    assert np.isnan(tau(named(1, 1), named(1, 2))[0])


def board():
    """Two models, two data sets, a metric up and one down that agree, and one that says the reverse."""
    up = np.array([[3.0, 2.0, 1.0]] * 2)
    facts = [{"model": model, "dataset": data} for model in "mn" for data in "de"]
    made = [("up", up, True), ("down", -up, False), ("odd", -up, True)]
    return [
        cell(table, metric=metric, higher_is_better=higher, **where)
        for where in facts
        for metric, table, higher in made
    ]


def test_metrics_agree_in_their_directions():
    found = agreement(board()).set_index(["first", "second"])
    assert found.loc[("up@1", "down@1"), "tau"] == pytest.approx(1)
    assert found.loc[("up@1", "odd@1"), "tau"] == pytest.approx(-1)
    assert found.loc[("odd@1", "up@1"), "tau"] == pytest.approx(-1)
    assert (found["comparisons"] == 4).all()
    assert (found["explainers"] == 3).all()


@pytest.mark.parametrize("along", ["model", "dataset"])
def test_models_and_data_sets_are_compared_where_all_else_is_the_same(along):
    found = agreement(board(), along)
    assert len(found) == 4
    assert found["tau"].tolist() == pytest.approx([1] * 4)
    assert (found["comparisons"] == 6).all()


def test_what_has_nothing_in_common_has_no_tau():
    cells = [cell(np.eye(3), model="m", dataset="d"), cell(np.eye(3), model="n", dataset="e")]
    found = agreement(cells, "model").set_index(["first", "second"])
    assert np.isnan(found.loc[("m", "n"), "tau"])
    assert found.loc[("m", "n"), "comparisons"] == 0


def test_another_axis_is_refused():
    with pytest.raises(ValueError, match="expected one of metric, model, dataset"):
        agreement(board(), "colour")


def test_versions_of_a_metric_are_two_metrics():
    cells = [cell(np.eye(3)), cell(np.eye(3), metric_version=2)]
    assert agreement(cells)["first"].unique().tolist() == ["x@1", "x@2"]
