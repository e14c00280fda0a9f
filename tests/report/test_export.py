"""Leaderboards in other formats, read back; names that try to break out of their cells."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from math import nan

import numpy as np
import pandas as pd
import pytest
import tables
from markdown_it import MarkdownIt

from xaibench.report import export
from xaibench.results.results import Results

NASTY = (
    r"50% & $x_1$ #{a} ~^ \end{tabular} \input{x}",
    "[8pt] a|b `c` *d* _e_ -- --- \\|",
    "<script>alert('x')</script> &amp; \"quoted\"",
    "=cmd|' /C calc'!A0",
    "two\nlines\tand tabs",
    "*starred",
)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    """Six explainers with such names; the last has no scores."""
    good = 0.9 + 0.01 * rng.standard_normal((30, 2))
    poor = 0.3 + 0.01 * rng.standard_normal((30, 3))
    scores = np.hstack([good, poor, np.full((30, 1), nan)])
    up = tables.rows(scores, list(NASTY), dataset="@SUM(1)|x", model=NASTY[2], reason="=1+1 | <b>")
    down = [replace(row, metric="y_&%", higher_is_better=False, cell=f"{row.cell}-y") for row in up]
    return Results.load(tables.folder(tmp_path_factory.mktemp("export"), up, down))


@pytest.fixture(scope="module")
def boards(results):
    return results.boards()


def expected(boards) -> dict[str, list[str]]:
    """The cells of each explainer that other formats must hold, without their marks."""
    (board,) = boards
    return {
        " ".join(line.explainer.split()): [
            *(export.written(line.values[column.key]) for column in board.columns),
            *export.standing_of(line),
        ]
        for line in board.lines
    }


def test_csv_reads_back_as_it_was(boards):
    frame = export.leaderboard_frame(boards)
    text = export.csv(frame)
    read = pd.read_csv(StringIO(text), keep_default_na=False, na_values=[""])
    assert list(read.columns) == list(frame.columns)
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column]):
            np.testing.assert_allclose(
                read[column].astype(float), frame[column].astype(float), rtol=1e-15
            )
    plain = read["explainer"].str.removeprefix("'")
    assert plain.tolist() == frame["explainer"].tolist()


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\r1", "\n1", "＝1"])  # noqa: RUF001
def test_no_cell_of_a_csv_is_a_formula(text):
    frame = pd.DataFrame({text: [text, "plain"], "number": [-1.5, 2.0]})
    (first, second), *_ = pd.read_csv(StringIO(export.csv(frame)), header=None).iloc[1:, :1].T.to_numpy()
    assert first == f"'{text}".replace("\r", "\n")
    assert second == "plain"
    assert "-1.5" in export.csv(frame)
    assert export.csv(frame).startswith(("'", "\"'"))


def test_curves_are_lists_in_a_csv_and_arrays_in_parquet(tmp_path):
    rows = [replace(row, curve=(0.5, 0.25)) for row in tables.rows([[0.5, nan]])]
    found = Results.load(tables.folder(tmp_path, rows))
    read = pd.read_csv(StringIO(export.csv(found.scores)), keep_default_na=False)
    assert read["curve"].tolist() == ["[0.5, 0.25]"] * 2


def latex_cells(text: str) -> list[list[str]]:
    """The rows of the first tabular, cells apart; fails where the grammar is broken."""
    open_environments: list[str] = []
    for kind, name in re.findall(r"(?<!\\)\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_environments.append(name)
        else:
            assert open_environments.pop() == name
    assert open_environments == []
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    columns, body = re.search(
        r"\\begin\{tabular\}\{(\w+)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL
    ).groups()
    lines = [line for line in body.splitlines() if not re.fullmatch(r"\\(top|mid|bottom)rule", line)]
    assert all(line.endswith(r" \\") for line in lines)
    rows = [re.split(r"(?<!\\) & ", line.removesuffix(r" \\")) for line in lines]
    assert {len(row) for row in rows} == {len(columns)}
    return rows


def from_latex(text: str) -> str:
    """What LaTeX would print."""
    text = re.sub(r"\{\\scriptsize (.*)\}$", r"\1", text)
    text = re.sub(r"\\(?:textbf|underline)\{([^{}]*)\}", r"\1", text)
    spelt = {value: key for key, value in export.LATEX.items()}
    found = re.sub(
        "|".join(map(re.escape, sorted(spelt, key=len, reverse=True))), lambda m: spelt[m[0]], text
    )
    return found.replace("-{}-", "--").replace("-{}-", "--")


def test_latex_is_whole_and_reads_back_as_it_was(boards):
    head, *rows = latex_cells(export.latex(boards))
    assert [from_latex(cell) for cell in head] == export.headings(boards[0])
    assert {from_latex(row[0]): [from_latex(cell) for cell in row[1:]] for row in rows} == expected(
        boards
    )


def test_the_best_are_bold_and_their_ties_underlined(boards):
    (board,) = boards
    _, *rows = latex_cells(export.latex(boards))
    for line, row in zip(board.lines, rows, strict=True):
        for column, cell in zip(board.columns, row[1:], strict=False):
            value = line.values[column.key]
            assert (r"\textbf" in cell, r"\underline" in cell) == (value.best, value.tied)
    assert sum(r"\textbf" in cell for row in rows for cell in row) == len(board.columns)
    assert sum(r"\underline" in cell for row in rows for cell in row) >= 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_compiles(boards, tmp_path):
    before = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    text = before + export.latex(boards) + "\n\\end{document}\n"
    (tmp_path / "x.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "x.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


class Cells(HTMLParser):
    """The text of table cells, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def read_html(text: str) -> Cells:
    cells = Cells()
    cells.feed(text)
    return cells


def test_markdown_reads_back_as_it_was(boards):
    """By another reader of Markdown, which knows tables as GitHub does."""
    text = export.markdown(boards)
    cells = read_html(MarkdownIt("commonmark").enable("table").render(text))
    head, *rows = cells.rows
    assert head == export.headings(boards[0])
    assert {row[0]: row[1:] for row in rows} == expected(boards)
    assert cells.tags <= {"p", "table", "thead", "tbody", "tr", "th", "td", "strong", "ins"}


def test_html_reads_back_as_it_was_and_runs_nothing(results, boards):
    cells = read_html(export.page(results))
    found = {" ".join(row[-7].split()): row[-6:] for row in cells.rows if len(row) >= 7}
    assert {name: row for name, row in found.items() if name in expected(boards)} == expected(boards)
    assert "script" not in cells.tags
    assert not {"b", "img"} & cells.tags


def test_every_tidy_table_is_there(results):
    for name in ("scores", "intervals", "ranks", "differences", "ties", "win_rates", "problems"):
        from xaibench.cli.commands.export import What, frame_of

        frame = frame_of(results, What(name))
        assert len(frame), name
        assert len(pd.read_csv(StringIO(export.csv(frame)))) == len(frame)
