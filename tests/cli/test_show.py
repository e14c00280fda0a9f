"""The leaderboard in a terminal."""

from io import StringIO

import tables
from rich.console import Console

from xaibench.cli.show import print_results
from xaibench.results.results import Results

METRICS = ["insertion-28", "deletion-28", "pointing-game"]


def test_no_number_is_cut_where_the_terminal_is_narrow(tmp_path):
    made = [tables.rows([[0.25, 0.75], [0.5, 0.5]], ["first", "second"], metric=m) for m in METRICS]
    results = Results.load(tables.folder(tmp_path / "r", *made))
    printed = {}
    for width in (40, 200):
        out = StringIO()
        print_results(results, Console(file=out, width=width))
        printed[width] = [line.split() for line in out.getvalue().splitlines() if "±" in line]
    assert printed[40][:2] == printed[200][:2]
    assert {line[0] for line in printed[40]} >= {"first", "second"}
    assert not any("…" in word for line in printed[40] for word in line)
