import numpy as np
import pytest
from reports import NAMES, ready, scores
from tables import folder, rows

from xaibench.report.page.boards import boards, cost_of, shared, split
from xaibench.results.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    return Results.load(ready(tmp_path_factory.mktemp("r") / "run"))


def test_a_tie_is_split_into_its_letters():
    assert split("abc") == ["a", "b", "c"]
    assert split("za1b12") == ["z", "a1", "b12"]
    assert split("") == []


def test_boards_stand_in_the_order_of_the_table(results):
    found = boards(results)
    table = results.table()
    for board in found[:-1]:
        of_table = table.loc[(board.model, board.dataset)]
        by_name = {line.explainer: line for line in board.lines}
        assert set(by_name) == set(of_table.index)
        ranks = [line.mean_rank for line in board.lines]
        assert ranks == sorted(ranks)
        for name, row in of_table.iterrows():
            assert by_name[name].mean_rank == pytest.approx(row["rank"])
            assert by_name[name].ms == pytest.approx(row["ms"])
    assert (found[-1].model, found[-1].dataset) == ("", "")
    assert {line.explainer: line.cells for line in found[-1].lines} == {
        "cam": 4,
        "other": 4,
        "random": 4,
    }


def test_ties_with_the_best_are_those_of_the_statistics(tmp_path):
    alike = scores(14)
    alike[:, 1] = alike[:, 0] + np.where(np.arange(14) % 2, 0.01, -0.01)
    results = Results.load(folder(tmp_path / "run", rows(alike, NAMES)))
    (board,) = boards(results)
    ties = results.ties().set_index("explainer")["tie"]
    assert ties["cam"] == ties["other"] != ties["random"]
    assert {line.explainer: line.values[0].tied for line in board.lines} == {
        "cam": True,
        "other": True,
        "random": False,
    }
    assert [line.explainer for line in board.first] == [line.explainer for line in board.lines[:2]]


def test_equal_bests_are_all_best(tmp_path):
    results = Results.load(folder(tmp_path / "run", rows([[1.0, 1.0, 0.0]] * 9, NAMES)))
    (board,) = boards(results)
    assert {line.explainer for line in board.lines if line.values[0].best} == {"cam", "other"}


def test_what_is_lacking_is_counted_with_reasons(results):
    board = boards(results)[1]
    (line,) = [line for line in board.lines if line.explainer == "cam"]
    assert line.lacking == 7
    assert line.values[0].why == "undefined: no box & <none> (7)"
    assert board.lacking
    assert not board.flat


def test_the_shared_pass_is_no_explainer(results):
    costs = cost_of(results)
    assert shared(costs, ("m", "d")) == (20.0, 1.0)
    assert shared(costs, ("n", "d")) == (0.0, 0.0)
    assert all(line.explainer in NAMES for board in boards(results) for line in board.lines)
