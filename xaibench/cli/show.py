"""`xaibench show`: the leaderboard of a results folder."""

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
    from xaibench.results.statistics.ranks import Ranks

SHARED = (
    "rank: 1 + how many explainers are better beyond noise, over all metrics; tie: who shares a letter "
    "cannot be told apart (Friedman, Wilcoxon with Holm's correction, 0.05); no score: told below"
)


def show(results: Annotated[Path, typer.Argument(help="A results folder.")]) -> None:
    """Print the leaderboard of a results folder.

    Example:
      xaibench show results/run-1a2b3c4d
    """
    from xaibench.results.results import Results

    print_results(Results.load(results), Console())


def print_results(results: "Results", console: Console) -> None:
    """The leaderboard of each model and data set, what went wrong, and where the files are."""
    from xaibench.results.statistics.ranks import separation

    board, sure = results.table(), results.intervals
    for model, dataset in dict.fromkeys(key[:2] for key in board.index):
        part = sure[(sure["model"] == model) & (sure["dataset"] == dataset)]
        ranks = results.standing(model, dataset)
        console.print(leaderboard(board.loc[(model, dataset)], part, ranks, f"{model} on {dataset}"))
        console.print(f"[dim]{escape(separation(ranks))}[/]", highlight=False)
    console.print(f"[dim]{SHARED}[/]", highlight=False)
    for note, names in results.notes.items():
        console.print(f"[dim]{escape(', '.join(names))}: {escape(note)}[/]", highlight=False)
    same = ["status", "model", "dataset", "reason"]
    for (status, model, dataset, reason), cells in results.problems().groupby(same, sort=False):
        where = f"{model} on {dataset}, {', '.join(cells['explainer'])}"
        console.print(
            f"[yellow]{status}[/] {escape(where)}: {escape(str(reason))} ({cells['rows'].sum()} rows)",
            highlight=False,
        )
    if not results.manifest:
        console.print("[yellow]unfinished[/] this run was stopped; the same command goes on with it")
    spent = results.manifest.get("seconds", {}).get("all")
    if spent is not None:
        forwards = sum(results.manifest["forwards"].values())
        console.print(f"{spent:,.0f} s, {forwards:,} forwards in the last call", highlight=False)
    for name in ("scores", "gallery.png", "report.html", "manifest.json"):
        if (results.path / name).exists():
            console.print(f"[dim]{escape(str(results.path / name))}[/]", highlight=False)


def leaderboard(board: "pd.DataFrame", sure: "pd.DataFrame", ranks: "Ranks", title: str) -> Table:
    """One model on one data set: mean and half width of the 95 % interval, best first."""
    import pandas as pd

    metrics = [column for column in board.columns if column not in ("rank", "ms")]
    at = sure.assign(column=sure["metric"] + "@" + sure["metric_version"].astype(str))
    higher = at.drop_duplicates("column").set_index("column")["higher_is_better"]
    table = Table(title=escape(title), title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    table.padding = 0
    table.add_column("explainer", no_wrap=True)
    for metric in metrics:
        name, _, version = metric.rpartition("@")
        better = "↑" if higher[metric] else "↓"
        table.add_column(f"{escape(name)}\n@{version} {better}", justify="right", no_wrap=True)
    table.add_column("rank", justify="right")
    table.add_column("tie", no_wrap=True)
    table.add_column("mean\nrank", justify="right")
    table.add_column("ms", justify="right", no_wrap=True)
    some_constant = bool(at["degenerate"].any())
    if some_constant:
        table.add_column("flat\nmaps", justify="right")
    some_missing = bool((missing(at) > 0).any())
    if some_missing:
        table.add_column("no\nscore", justify="right")
    standing = {str(row["explainer"]): row for row in ranks.frame.to_dict("records")}
    for explainer, row in board.iterrows():
        own = at[at["explainer"] == explainer].set_index("column").to_dict("index")
        cells = [_cell(own[metric]) for metric in metrics]
        mean_rank = f"{row['rank']:.1f}" if pd.notna(row["rank"]) else "-"
        stands = standing[str(explainer)]
        rank = f"{stands['rank']:.0f}" if pd.notna(stands["rank"]) else "-"
        ms = f"{row['ms']:,.{int(row['ms'] < 10)}f}" if pd.notna(row["ms"]) else "-"
        constant = str(max(facts["degenerate"] for facts in own.values()) or "")
        none = str(missing(at[at["explainer"] == explainer]).max() or "")
        odd = [*([constant] if some_constant else []), *([none] if some_missing else [])]
        table.add_row(escape(str(explainer)), *cells, rank, str(stands["tie"]), mean_rank, ms, *odd)
    table.caption = (
        f"{int(at['images'].max())} images; mean ± half the 95 % bootstrap interval; ms: an explainer's "
        "own part of an image, the shared pass not included"
    )
    table.caption_justify = "left"
    return table


def missing(sure: "pd.DataFrame") -> "pd.Series[int]":
    """How many scores each mean lacks, whatever the reason."""
    return sure["undefined"] + sure["unsupported"] + sure["failed"]


def _cell(found: "Mapping[Hashable, Any]") -> str:
    import pandas as pd

    if pd.isna(found["mean"]):
        return "[dim]unsupported[/]" if found["unsupported"] else "[dim]-[/]"
    half = (found["high"] - found["low"]) / 2
    return f"{found['mean']:.3f}" + (f" ±{half:.3f}".replace("0.", ".") if pd.notna(half) else "")
