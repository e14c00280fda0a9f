"""The leaderboard as CSV, LaTeX, Markdown or HTML; no name can break out of its cell."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd

from xaibench.results.board import Board, Line
from xaibench.results.results import Results
from xaibench.results.styled import LEGEND, number, written
from xaibench.results.values import Column, Value

FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]")  # noqa: RUF001 (spreadsheets read the wide ones too)
LATEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # behind a line's end it would begin an option
    "]": "{]}",
    "*": "{*}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}
MARKDOWN = re.compile(r"([\\`*_\[\]<>~|#])")
STANDING = ("rank", "tie", "mean rank", "ms")


def leaderboard_frame(boards: Iterable[Board]) -> pd.DataFrame:
    """Return one row per model, data set and explainer, best first.

    Columns: rank, tie, mean_rank, ms; and for each metric METRIC@VERSION, and the same with " low",
    " high" (of the 95 % interval), " images", " best" and " tied".
    """
    records = []
    for board in boards:
        for line in board.lines:
            requested = {key: value for key, value in line.values.items() if value.requested}
            record: dict[str, Any] = {
                "model": board.model,
                "dataset": board.dataset,
                "explainer": line.explainer,
                "rank": line.rank,
                "tie": line.tie,
                "mean_rank": line.mean_rank,
                "ms": line.ms,
            }
            for key, value in requested.items():
                facts = {"": value.mean, " low": value.low, " high": value.high, " images": value.images}
                facts |= {" best": value.best, " tied": value.tied}
                record |= {f"{key}{suffix}": fact for suffix, fact in facts.items()}
            records.append(record)
    return pd.DataFrame(records)


def csv(frame: pd.DataFrame) -> str:
    """Return CSV in full precision; text that a spreadsheet would run gets an apostrophe before it."""
    safe = frame.rename(columns=defused)
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]]:
        safe[column] = safe[column].map(defused)
    return str(safe.to_csv(index=False, lineterminator="\n"))


def defused(value: Any) -> Any:
    """Return text that is no formula, and arrays as lists of numbers; other values are unchanged."""
    if isinstance(value, str):
        safe = f"'{value}" if FORMULA.search(value) else value
        return safe.replace("\r\n", "\n").replace("\r", "\n")  # alone it would end the line
    return str([float(one) for one in value]) if hasattr(value, "__len__") else value


def latex(boards: Iterable[Board]) -> str:
    """Return one booktabs table per leaderboard: best bold, ties with it underlined."""
    return "% \\usepackage{booktabs}\n" + "\n".join(map(latex_table, boards))


def latex_table(board: Board) -> str:
    """Return the table of one leaderboard."""
    rows = [
        [
            latex_text(line.explainer),
            *(latex_value(v) for v in values_of(line, board.columns)),
            *standing,
        ]
        for line in board.lines
        for standing in [[latex_text(text) for text in standing_of(line)]]
    ]
    heads = [latex_text(text) for text in headings(board)]
    caption = f"{board.title}, {board.images} images. {LEGEND}"
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex_value(value: Value) -> str:
    """Return a value and its interval in LaTeX, marked if best or tied."""
    mean, _, ends = written(value).partition(" ")
    marked = rf"\textbf{{{mean}}}" if value.best else rf"\underline{{{mean}}}" if value.tied else mean
    return f"{marked} {{\\scriptsize {latex_text(ends)}}}" if ends else latex_text(mean)


def latex_text(text: str) -> str:
    """Return text escaped for LaTeX."""
    escaped = "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))
    return re.sub("(?<=-)-", "{}-", escaped)  # two in a row would be a dash


def markdown(boards: Iterable[Board]) -> str:
    """Return one table per leaderboard: best bold, ties with it underlined."""
    return "\n".join(markdown_table(board) for board in boards) + f"\n{markdown_text(LEGEND)}\n"


def markdown_table(board: Board) -> str:
    """Return the table of one leaderboard."""
    heads = [markdown_text(text) for text in headings(board)]
    rows = [
        [
            markdown_text(line.explainer),
            *(markdown_value(value) for value in values_of(line, board.columns)),
            *(markdown_text(text) for text in standing_of(line)),
        ]
        for line in board.lines
    ]
    rule = ["---", *["---:"] * (len(heads) - 1)]
    lines = [f"| {' | '.join(row)} |" for row in (heads, rule, *rows)]
    title = f"{markdown_text(board.title)}, {board.images} images"
    return "\n".join([title, "", *lines, ""])


def markdown_value(value: Value) -> str:
    """Return a value and its interval in Markdown, marked if best or tied."""
    mean, _, ends = written(value).partition(" ")
    marked = f"**{mean}**" if value.best else f"<ins>{mean}</ins>" if value.tied else markdown_text(mean)
    return f"{marked} {markdown_text(ends)}".strip()


def markdown_text(text: str) -> str:
    """Return text escaped for Markdown, on one line."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))


def page(results: Results) -> str:
    """Return the leaderboards as an HTML page of their own."""
    title = escape(results.path.name)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body>\n<h1>{title}</h1>\n{results.html()}\n</body>\n</html>\n"
    )


def headings(board: Board) -> list[str]:
    """Return the headings of the columns."""
    return ["explainer", *(f"{column.key} {column.arrow}" for column in board.columns), *STANDING]


def values_of(line: Line, columns: Sequence[Column]) -> list[Value]:
    """Return the values of a line in the order of the columns."""
    return [line.values[column.key] for column in columns]


def standing_of(line: Line) -> list[str]:
    """Return an explainer's rank, tie, mean rank and time as text."""
    return [number(line.rank, 0), line.tie, number(line.mean_rank, 1), number(line.ms, 1)]
