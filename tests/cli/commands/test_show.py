"""The leaderboard in a terminal."""

from io import StringIO

import tables
from rich.console import Console

from xaibench.cli.commands.show import print_results
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


def test_an_empty_line_stands_between_two_leaderboards_and_what_is_said_below(tmp_path):
    made = [tables.rows([[0.25, 0.75], [0.5, 0.5]], metric="x", dataset=data) for data in "de"]
    out = StringIO()
    print_results(Results.load(tables.folder(tmp_path / "r", *made)), Console(file=out, width=80))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    assert lines[lines.index("m on e") - 1] == ""
    (legend,) = [place for place, line in enumerate(lines) if line.startswith("may be best:")]
    assert lines[legend - 1] == ""
