"""The leaderboard as HTML, for notebooks and for exported pages."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from xaibench.results.board import Board
from xaibench.results.values import Column, Value

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

PICTURE = "gallery.png"
LARGEST = 4 * 2**20  # bytes of a picture that is put into the HTML itself
BEST, TIED = "font-weight: bold", "text-decoration: underline"
LEGEND = (
    "Value and 95 % bootstrap interval over images, best first. Bold: the best by a metric; underlined: "
    "cannot be told apart from it. Rank: 1 + how many explainers are better beyond noise, over all "
    "metrics; tie: who shares a letter cannot be told apart. ms: an explainer's own part of an image."
)


def heading(column: Column) -> str:
    """Return the heading of a metric's column."""
    return f"{column.key} {column.arrow}"


def written(value: Value, digits: int = 3) -> str:
    """Return a value and the ends of its interval as text."""
    if isnan(value.mean):
        return "unsupported" if value.unsupported else "-"
    mean = f"{value.mean:.{digits}f}"
    return mean if isnan(value.low) else f"{mean} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def number(value: float, digits: int) -> str:
    """Return a number as text, "-" for NaN."""
    return "-" if isnan(value) else f"{value:,.{digits}f}"


def styled(boards: Sequence[Board]) -> "Styler":
    """Return all leaderboards as one styled, escaped table: best bold, ties with it underlined."""
    metrics = list(dict.fromkeys(heading(column) for board in boards for column in board.columns))
    records, marks, index = [], [], []
    for board in boards:
        for line in board.lines:
            index.append((board.model, board.dataset, line.explainer))
            values = {heading(column): line.values[column.key] for column in board.columns}
            cells = {name: written(values[name]) if name in values else "-" for name in metrics}
            standing = {"rank": number(line.rank, 0), "tie": line.tie}
            cost = {"mean rank": number(line.mean_rank, 1), "ms": number(line.ms, 1)}
            records.append({**cells, **standing, **cost})
            marks.append({name: mark(values.get(name)) for name in records[-1]})
    names = ["model", "data", "explainer"]
    frame = pd.DataFrame(records, index=pd.MultiIndex.from_tuples(index, names=names))
    css = pd.DataFrame(marks, index=frame.index)
    uuid = sha256(repr((index, records)).encode()).hexdigest()[:8]  # the same results, the same HTML
    return (
        frame.style.set_uuid(uuid)
        .format(escape="html")
        .format_index(escape="html", axis=0)
        .format_index(escape="html", axis=1)
        .apply(lambda _: css, axis=None)
        .set_table_styles([{"selector": "td", "props": "text-align: right"}])
    )


def mark(value: Value | None) -> str:
    """Return the CSS of a value: bold for the best, underlined for a tie with it."""
    if value is None or not (value.best or value.tied):
        return ""
    return BEST if value.best else TIED


def as_html(
    boards: Sequence[Board],
    notes: Mapping[str, Sequence[str]],
    problems: Sequence[str],
    finished: bool,
    gallery: Path,
) -> str:
    """Return the leaderboards with their legend, notes and problems, and the gallery's picture as HTML.

    Args:
        boards: one or more leaderboards.
        notes: each note to the reader with the explainers that it is about; see `Results.notes`.
        problems: sentences about missing scores.
        finished: whether the run is finished; otherwise the HTML says that it is not.
        gallery: the PNG of the gallery, which need not exist; a large one is named rather than embedded.
    """
    parts = [styled(boards).to_html(), paragraph(LEGEND)]
    parts += [paragraph(f"{board.title}: {' '.join(board.sentences)}") for board in boards]
    parts += [paragraph(f"{', '.join(names)}: {note}") for note, names in notes.items()]
    parts += [paragraph(problem) for problem in problems]
    if not finished:
        parts.append(paragraph("Unfinished: this run was stopped; the same command goes on with it."))
    if gallery.is_file() and gallery.stat().st_size <= LARGEST:
        data = b64encode(gallery.read_bytes()).decode("ascii")
        parts.append(f'<img alt="each map over its image" src="data:image/png;base64,{data}">')
    elif gallery.is_file():
        parts.append(paragraph(f"The gallery: {gallery}"))
    return "\n".join(parts)


def paragraph(text: str) -> str:
    """Return text as an escaped HTML paragraph."""
    return f"<p>{escape(text)}</p>"
