"""The leaderboard as facts, held to the tables of the statistics."""

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
import tables

from xaibench.results.results import Results
from xaibench.results.rows import SHARED_PASS, Row

rng = np.random.default_rng(0)
GOOD = 0.9 + 0.01 * rng.standard_normal((40, 1))
SAME = 0.9 + 0.01 * rng.standard_normal((40, 1))
POOR = 0.2 + 0.01 * rng.standard_normal((40, 1))
NONE = np.full((40, 1), nan)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    up = tables.rows(np.hstack([GOOD, SAME, POOR, NONE]))
    down = tables.rows(np.hstack([GOOD, SAME, POOR, POOR]), metric="y", higher_is_better=False)
    other = [replace(row, dataset="f", cell=f"{row.cell}-f") for row in up]
    return Results.load(tables.folder(tmp_path_factory.mktemp("board"), up, down, other))


def test_there_is_a_board_for_each_model_and_data_set(results):
    assert [board.title for board in results.boards()] == ["m on d", "m on f"]
    first, second = results.boards()
    assert [column.key for column in first.columns] == ["x@1", "y@1"]
    assert [column.key for column in second.columns] == ["x@1"]
    assert [column.arrow for column in first.columns] == ["↑", "↓"]
    assert first.images == 40


def test_the_values_are_those_of_the_tables(results):
    sure = results.intervals.set_index(["dataset", "explainer", "metric"])
    table = results.table()
    for board in results.boards():
        assert [line.explainer for line in board.lines] == list(table.loc[("m", board.dataset)].index)
        ranks = results.standing("m", board.dataset).frame.set_index("explainer")
        for line in board.lines:
            for column in board.columns:
                expected = sure.loc[(board.dataset, line.explainer, column.name)]
                value = line.values[column.key]
                found = (value.mean, value.low, value.high)
                np.testing.assert_array_equal(found, expected[["mean", "low", "high"]].astype(float))
            assert line.tie == ranks.loc[line.explainer, "tie"]
            np.testing.assert_equal(
                line.mean_rank, table.loc[("m", board.dataset, line.explainer), "rank"]
            )


@pytest.mark.parametrize(
    ("scores", "best", "said"),
    [
        ([GOOD, SAME, POOR], ("e1", "e0"), "e1 or e0 may be best on these"),
        ([GOOD, POOR], ("e0",), "e0 is best on these"),
        ([GOOD, NONE], ("e0",), "e0 is the only explainer that is ranked on"),
        ([GOOD], ("e0",), "e0 is the only explainer that is ranked on"),
    ],
)
def test_the_verdict_is_said_first(tmp_path, scores, best, said):
    (board,) = Results.load(tables.folder(tmp_path, tables.rows(np.hstack(scores)))).boards()
    assert board.verdict.best == best
    assert board.sentences[0].startswith(said)


def test_best_and_who_cannot_be_told_apart_from_it(results):
    board = results.boards()[0]
    by_name = {line.explainer: line.values for line in board.lines}
    best = max(("e0", "e1"), key=lambda name: by_name[name]["x@1"].mean)
    other = "e1" if best == "e0" else "e0"
    assert (by_name[best]["x@1"].best, by_name[best]["x@1"].tied) == (True, False)
    assert (by_name[other]["x@1"].best, by_name[other]["x@1"].tied) == (False, True)
    assert (by_name["e2"]["x@1"].best, by_name["e2"]["x@1"].tied) == (False, False)
    assert by_name["e2"]["y@1"].best  # where lower is better; its equal is as good
    assert by_name["e3"]["y@1"].best
    assert not by_name["e0"]["y@1"].tied


def test_what_is_missing_is_counted(results):
    board = results.boards()[0]
    nothing = next(line for line in board.lines if line.explainer == "e3")
    assert nothing.missing == 40
    assert isnan(nothing.values["x@1"].mean)
    assert (nothing.values["x@1"].best, nothing.values["x@1"].tied) == (False, False)


def test_values_that_differ_by_rounding_are_one_value(tmp_path):
    for k, size in enumerate(10.0 ** np.arange(-3, 10, 4)):
        high, low = size * (1 + rng.random(31)), size * rng.random(31)
        mixed = np.stack([high, high[::-1] * (1 + 1e-14), low], axis=1)
        (board,) = Results.load(tables.folder(tmp_path / f"{k}", tables.rows(mixed))).boards()
        assert len({line.values["x@1"].mean for line in board.lines}) == 3
        assert {line.explainer for line in board.lines if line.values["x@1"].best} == {"e0", "e1"}
        assert not any(line.values["x@1"].tied for line in board.lines)


def test_a_digit_behind_two_letters_is_no_tie(tmp_path):
    found = Results.load(tables.folder(tmp_path / "run", tables.rows(np.hstack([GOOD, SAME, POOR]))))
    (column,) = found.boards()[0].columns
    column.__dict__["letters"] = {"e0": "a1", "e1": "b1", "e2": "za1"}
    column.__dict__["best"] = frozenset({"e0"})
    values = {line.explainer: line.values["x@1"] for line in found.boards()[0].lines}
    assert {name: value.tied for name, value in values.items()} == {"e0": False, "e1": False, "e2": True}


def test_infinite_values_can_be_the_best(tmp_path):
    infinite = np.hstack([GOOD, np.full_like(GOOD, np.inf)])
    with np.errstate(invalid="ignore"):
        (board,) = Results.load(tables.folder(tmp_path / "run", tables.rows(infinite))).boards()
        assert {line.explainer: line.values["x@1"].best for line in board.lines}["e1"]


def test_all_together_stand_last_where_there_are_several(results):
    *blocks, every = results.boards(together=True)
    assert blocks == results.boards()
    assert (every.model, every.dataset, every.columns) == ("", "", ())
    ranks = results.ranks()
    expected = ranks[ranks["model"] == ""].set_index("explainer")
    for line in every.lines:
        facts = ["mean_rank", "low", "high", "cells", "rank"]
        np.testing.assert_array_equal(
            [getattr(line, fact) for fact in facts], expected.loc[line.explainer, facts].astype(float)
        )
    assert [line.explainer for line in every.lines] == list(expected.index)


def test_one_board_alone_has_none_of_all(tmp_path):
    found = Results.load(tables.folder(tmp_path / "run", tables.rows(POOR)))
    assert [board.title for board in found.boards(together=True)] == ["m on d"]


def test_by_each_metric_there_are_ties_and_ranks(results):
    ties = results.ties().set_index(["dataset", "metric", "explainer"])
    for board in results.boards():
        for line in board.lines:
            for value in line.values.values():
                expected = ties.loc[(board.dataset, value.column.name, line.explainer)]
                assert value.letters == expected["tie"]
                np.testing.assert_equal(value.rank, expected["rank"])


def test_nothing_is_tested_by_a_metric_until_it_is_asked(results):
    fresh = Results(results.path, results.rows)
    board = fresh.boards()[0]
    assert any(line.values["x@1"].best for line in board.lines)
    assert "ties" not in vars(board.columns[0])
    assert isinstance(board.lines[0].values["x@1"].letters, str)
    assert "ties" in vars(board.columns[0])
    assert "ties" not in vars(board.columns[1])


def test_who_is_only_described_stands_last_without_a_rank(tmp_path):
    ranking = tables.rows(np.hstack([POOR, GOOD]))
    describing = tables.rows(np.hstack([POOR, GOOD, SAME]), metric="y", ranks=False)
    (board,) = Results.load(tables.folder(tmp_path / "run", ranking, describing)).boards()
    assert [line.explainer for line in board.lines] == ["e1", "e0", "e2"]
    assert [column.describes for column in board.columns] == [False, True]
    last = board.lines[-1]
    assert isnan(last.rank)
    assert isnan(last.mean_rank)
    assert [last.values[key].requested for key in ("x@1", "y@1")] == [False, True]
    assert isnan(last.values["x@1"].mean)
    assert not last.values["x@1"].tied
    assert last.missing == 0


def test_equals_stand_in_alphabetical_order_in_every_table(tmp_path):
    names = ["d", "b", "c", "a"]
    found = Results.load(tables.folder(tmp_path / "run", tables.rows([[1.0] * 4] * 5, names)))
    (board,) = found.boards()
    assert [line.explainer for line in board.lines] == sorted(names)
    assert list(found.table().index.get_level_values("explainer")) == sorted(names)
    assert list(found.ranks()["explainer"]) == sorted(names)


def test_costs_are_an_explainers_own_and_the_shared_pass_is_none_of_them(tmp_path):
    up = tables.rows(np.hstack([GOOD, POOR]), explain_ms=3.0, explain_forwards=5.0)
    passes = [
        Row(
            run="r", cell="s", status="ok", model="m", dataset="d", image=f"i{k}", metric="",
            explainer=SHARED_PASS, explain_ms=20.0 + k, explain_forwards=1.0,
        )
        for k in range(3)
    ]  # fmt: skip
    other = [replace(row, dataset="f", cell=f"{row.cell}-f") for row in up]
    boards = Results.load(tables.folder(tmp_path / "run", up, other, passes)).boards()
    assert [board.shared for board in boards] == [(21.0, 1.0), (0.0, 0.0)]
    assert {(line.ms, line.forwards) for board in boards for line in board.lines} == {(3.0, 5.0)}
    assert {line.explainer for board in boards for line in board.lines} == {"e0", "e1"}


def test_controls_and_notes_are_marked(tmp_path):
    noted = [
        replace(row, explainer_note="rebuilt" if row.explainer == "e1" else "")
        for row in tables.rows(np.hstack([GOOD, POOR]))
    ]
    path = tables.folder(tmp_path / "run", noted)
    found = Results(path, Results.load(path).rows, {"controls": ["e0"]})
    marks = {line.explainer: (line.control, line.noted) for line in found.boards()[0].lines}
    assert marks == {"e0": (True, False), "e1": (False, True)}
