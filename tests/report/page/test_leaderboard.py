from dataclasses import replace

import numpy as np
import pytest
from reports import NAMES, ready, scores
from tables import folder, rows

from xaibench.report.page.leaderboard import WIDTH, drawn
from xaibench.results.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    return Results.load(ready(tmp_path_factory.mktemp("r") / "run"))


def test_lines_and_values_are_drawn_in_the_order_of_the_board(results):
    for board in results.boards(together=True):
        table = drawn(board)
        assert tuple(row.line for row in table.rows) == board.lines
        for row in table.rows:
            assert [cell.value for cell in row.cells] == list(row.line.values.values())


def test_ties_stand_below_each_other(tmp_path):
    apart = scores(20)
    apart[:, 1] = apart[:, 0] + np.where(np.arange(20) % 2, 0.01, -0.01)
    (board,) = Results.load(folder(tmp_path / "run", rows(apart, NAMES))).boards()
    rows_of = drawn(board).rows
    assert [row.letters for row in rows_of] == [("a", ""), ("a", ""), ("", "b")]
    assert ["".join(row.letters) for row in rows_of] == [line.tie for line in board.lines]


def test_a_column_has_one_scale(results):
    table = drawn(results.boards()[0])
    for place, column in enumerate(table.board.columns):
        cells = [row.cells[place] for row in table.rows]
        values = [cell.value for cell in cells]
        low, high = min(each.low for each in values), max(each.high for each in values)
        dots = [dict(cell.whisker.marks[-1].attributes)["cx"] for cell in cells]
        expected = [4 + (WIDTH - 8) * (each.mean - low) / (high - low) for each in values]
        assert [float(x) for x in dots] == pytest.approx(expected, abs=0.051), column.name


@pytest.mark.parametrize("status", ["undefined", "failed", "unsupported"])
def test_where_there_is_no_number_there_is_a_word(tmp_path, status):
    table = [[1.0, np.nan]] * 6
    found = rows(table, NAMES[:2]) + rows([[1.0]] * 6, NAMES[:1], metric="y")
    found = [row if row.status == "ok" else replace(row, status=status) for row in found]
    (board,) = Results.load(folder(tmp_path / "run", found)).boards()
    words = {row.line.explainer: [cell.word for cell in row.cells] for row in drawn(board).rows}
    assert words == {"cam": ["", ""], "other": [status, "not asked"]}
    (nothing,) = [row for row in drawn(board).rows if row.line.explainer == "other"]
    assert [cell.whisker for cell in nothing.cells] == [None, None]
