"""The leaderboard as facts, held to the tables of the statistics."""

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
import tables

from xaibench.results.results import Results

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
