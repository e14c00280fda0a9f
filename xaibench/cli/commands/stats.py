"""`xaibench stats`: what a run's results can tell, and what they cannot."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from xaibench.results.results import Results
    from xaibench.results.statistics.score_matrix import Paired

LEGEND = (
    "± half the 95 % bootstrap interval over images; p: Wilcoxon's signed ranks over images with Holm's "
    "correction; rank, tie: explainers that share a letter cannot be told apart; detectable: the least "
    "difference from the best that so many images would show four times out of five; left out: images "
    "and classes of which one of the two has no score"
)
WINS = "win: share of images on which it is better than the control, equal scores half a win"


def stats(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for tables and pictures; RESULTS/statistics if not given."),
    ] = None,
) -> None:
    """Print who differs from whom beyond noise, and write it as CSV and PNG.

    Writes means, differences, ties, win_rates, ranks, agreement and problems as CSV,
    critical-difference.png and agreement.png.

    Example:
      xaibench stats results/run-1a2b3c4d
    """
    from xaibench.report.statistics_files import write_statistics
    from xaibench.results.results import Results

    console, loaded = Console(), Results.load(results)
    for cell in loaded.cells:
        console.print(cell_table(loaded, cell))
    console.print(f"[dim]{LEGEND}\n{WINS}[/]", highlight=False)
    for (model, data), ranks in loaded.ranks().groupby(["model", "dataset"], sort=False):
        title = f"{model} on {data}" if model else "all models and data sets"
        console.print(rank_table(ranks, title))
    for along in ("metric", "model", "dataset"):
        console.print(agreement_table(loaded.agreement(along), along))
    for _, row in loaded.problems().iterrows():
        where = f"{row['model']} on {row['dataset']}, {row['explainer']}"
        text = (
            f"[yellow]{row['status']}[/] {escape(where)}: {escape(row['reason'])} ({row['rows']} rows)"
        )
        console.print(text, highlight=False)
    for path in write_statistics(loaded, output or results / "statistics"):
        console.print(f"[dim]{escape(str(path))}[/]", highlight=False)


def cell_table(results: "Results", cell: "Paired") -> Table:
    """One metric on one model and data set: every explainer against the control and the best."""
    from xaibench.results.statistics.differences import control_of, differences, win_rates
    from xaibench.results.statistics.ties import ties_frame

    frame = differences(cell, results.controls)
    against = {
        role: rows.set_index("explainer").to_dict("index")
        for role, rows in (frame.groupby("against") if len(frame) else ())
    }
    control = control_of(cell.explainers, results.controls)
    wins = win_rates(cell)
    won = dict(wins.loc[wins["other"] == control, ["explainer", "win"]].to_numpy()) if len(wins) else {}
    sure = results.intervals
    mine = sure[(sure[list(cell.facts)] == list(cell.facts.values())).all(axis=1)]
    half = dict(zip(mine["explainer"], (mine["high"] - mine["low"]) / 2, strict=True))
    arrow = "↑" if cell.higher_is_better else "↓"
    table = plain_table(f"{cell.column} {arrow}: {cell.model} on {cell.dataset}")
    headings = ("rank", "tie", "value", f"less\n{control}", "p", "win", f"less\n{cell.best}", "p")
    for heading in ("explainer", *headings, "detec-\ntable", "left\nout"):
        side = "left" if heading in ("explainer", "tie") else "right"
        table.add_column(escape(heading), justify=side, no_wrap=True)  # type: ignore[arg-type]
    ranked = ties_frame(cell).sort_values("value", ascending=not cell.higher_is_better, kind="stable")
    for row in ranked.to_dict("records"):
        name = str(row["explainer"])
        chance, best = (against.get(role, {}).get(name) for role in ("control", "best"))
        table.add_row(
            escape(name),
            number(row["rank"], 0),
            str(row["tie"]),
            with_half(row["value"], half.get(name)),
            *compared(chance),
            number(won.get(name), 2),
            *compared(best),
            number(best["detectable"] if best else None),
            str((best or chance or {}).get("left_out") or ""),
        )
    return table


def compared(row: "Mapping[Hashable, Any] | None") -> tuple[str, str]:
    """A difference with its interval, and its p."""
    if row is None:
        return "", ""
    p = row["p_holm"]
    return with_half(row["difference"], (row["high"] - row["low"]) / 2), small(p)


def rank_table(ranks: "pd.DataFrame", title: str) -> Table:
    """Mean ranks over metrics with their intervals."""
    table = plain_table(f"ranks over all metrics: {title}")
    for heading in ("explainer", "rank", "tie", "mean rank", "95 %", "of cells"):
        table.add_column(heading, justify="left" if heading in ("explainer", "tie") else "right")
    for row in ranks.to_dict("records"):
        ends = "" if row["low"] != row["low"] else f"{row['low']:.1f} to {row['high']:.1f}"
        values = (str(row["tie"]), number(row["mean_rank"], 1), ends, str(row["cells"]))
        table.add_row(escape(str(row["explainer"])), number(row["rank"], 0), *values)
    return table


def agreement_table(agreement: "pd.DataFrame", along: str) -> Table:
    """Kendall's tau as a matrix."""
    table = plain_table(f"Kendall's tau between the orders by {along}")
    names = list(dict.fromkeys(agreement["first"]))
    table.add_column("")
    for name in names:
        table.add_column(escape(name), justify="right")
    taus = agreement.set_index(["first", "second"])["tau"]
    for name in names:
        table.add_row(escape(name), *(number(taus[name, other], 2) for other in names))
    return table


def plain_table(title: str) -> Table:
    """A table as all others are."""
    return Table(
        title=escape(title),
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def number(value: float | None, digits: int = 3) -> str:
    """A number, or "-" where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def with_half(value: float, half: float | None) -> str:
    """A value and half its interval."""
    known = half is not None and half == half
    return number(value) + (f" ±{half:.3f}".replace("0.", ".") if known else "")


def small(p: float) -> str:
    """A p value, without digits that mean nothing."""
    return "-" if p != p else "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
