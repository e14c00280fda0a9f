"""`xaibench export`: a leaderboard or a tidy table for a paper, a page or a spreadsheet."""

from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xaibench.api.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from xaibench.results.results import Results


class Format(StrEnum):
    """What it is written as."""

    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    PARQUET = "parquet"


class What(StrEnum):
    """What is written."""

    LEADERBOARD = "leaderboard"
    SCORES = "scores"
    INTERVALS = "intervals"
    RANKS = "ranks"
    DIFFERENCES = "differences"
    TIES = "ties"
    WIN_RATES = "win_rates"
    AGREEMENT = "agreement"
    PROBLEMS = "problems"


FRAMES = (Format.CSV, Format.PARQUET)  # what a tidy table can be written as


def export(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    to: Annotated[Format, typer.Option(help="LaTeX needs booktabs; a name in it cannot break it.")],
    what: Annotated[
        What, typer.Option(help="The leaderboard, or a tidy table, which is CSV or Parquet.")
    ] = What.LEADERBOARD,
    output: Annotated[
        Path | None, typer.Option(help="The file; the standard output if not given.")
    ] = None,
) -> None:
    """Write the leaderboard with its intervals as CSV, Markdown, LaTeX or HTML; or a tidy table.

    In Markdown, LaTeX and HTML the best by each metric is bold, and who cannot be told apart from it
    underlined. In CSV a text that a spreadsheet would run as a formula has an apostrophe before it.

    Examples:
      xaibench export results/run-1a2b3c4d --to latex --output table.tex

      xaibench export results/run-1a2b3c4d --to parquet --what scores --output scores.parquet
    """
    from xaibench.results.results import Results

    if what is not What.LEADERBOARD and to not in FRAMES:
        raise ConfigError(f"{what} is a tidy table: --to csv or --to parquet, not {to}")
    if to is Format.PARQUET and output is None:
        raise ConfigError("Parquet is no text: say where it goes with --output FILE")
    text = content(Results.load(results), what, to)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(text)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error}; choose another --output") from error
    typer.echo(str(output))


def content(results: "Results", what: What, to: Format) -> bytes:
    """What stands in the file."""
    from xaibench.report import export as write

    if to is Format.PARQUET:
        file = BytesIO()
        frame_of(results, what).to_parquet(file, index=False)
        return file.getvalue()
    texts = {
        Format.CSV: lambda: write.csv(frame_of(results, what)),
        Format.MARKDOWN: lambda: write.markdown(results.boards()),
        Format.LATEX: lambda: write.latex(results.boards()),
        Format.HTML: lambda: write.page(results),
    }
    return texts[to]().encode("utf-8")


def frame_of(results: "Results", what: What) -> "pd.DataFrame":
    """A tidy table."""
    from xaibench.report.export import leaderboard_frame

    if what is What.LEADERBOARD:
        return leaderboard_frame(results.boards())
    table = getattr(results, what.value)
    frame: pd.DataFrame = table() if callable(table) else table
    return frame
