from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import tables
from rich.console import Console
from typer.testing import CliRunner

from xaibench.cli import app
from xaibench.cli.display.sparklines import BLOCKS, LETTERS, curve_tables, sparkline
from xaibench.results.mean_curves import mean_curves
from xaibench.results.results import Results

NAMES = ["grad-cam+++conceptors", "random"]
METRICS = ["insertion-28", "deletion-28", "insertion-normalised-28", "deletion-normalised-28", "morf"]


@pytest.fixture
def folder(tmp_path):
    rising = tuple(np.linspace(0, 0.8, 29))
    made = []
    for metric in METRICS:
        of_metric = tables.rows([[0.4, 0.4], [0.4, 0.4]], NAMES, metric=metric)
        made.append([replace(row, curve=rising) for row in of_metric])
    made.append(tables.rows([[0.5, 0.5], [0.5, 0.5]], NAMES, metric="pointing-game"))
    return tables.folder(tmp_path / "r", *made)


def test_a_straight_line_climbs_block_by_block():
    assert sparkline(np.linspace(0, 1, 29), 0, 1, 8) == BLOCKS
    assert sparkline(np.linspace(1, 0, 29), 0, 1, 8) == BLOCKS[::-1]
    assert sparkline(np.full(29, 0.3), 0.3, 0.3, 4) == BLOCKS[0] * 4
    assert sparkline(np.array([-1.0, 0.0, 1.0]), -1, 1, 3) == "▁▅█"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal_and_no_curve_is_cut(folder, width):
    results = Results.load(folder)
    (board,) = results.boards()
    out = StringIO()
    console = Console(file=out, width=width)
    for table in curve_tables(board, list(mean_curves(results.scores)), console.width):
        console.print(table)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    drawn = sum(line.count(sparkline(np.linspace(0, 1, 29), 0, 1)) for line in lines)
    assert drawn == len(METRICS) * len(NAMES)
    assert "…" not in out.getvalue()
    assert "pointing-game" not in out.getvalue()


def test_show_draws_the_curves_below_the_leaderboard(folder):
    said = CliRunner().invoke(app, ["show", str(folder)], env={"COLUMNS": "100"}).stdout
    assert said.index("m on d") < said.index("▁")
    assert "0 to 0.8" in said
    assert sum(letter in BLOCKS for letter in said) == LETTERS * len(METRICS) * len(NAMES)


def test_without_curves_there_is_no_table(tmp_path):
    folder = tables.folder(tmp_path / "r", tables.rows([[0.5, 0.25]]))
    said = CliRunner().invoke(app, ["show", str(folder)]).stdout
    assert "mean curves" not in said
