"""What `xaibench run --dry-run` prints: the plan, and what it would take."""

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from xaibench.engine.run.forecast import Forecast

STAGES = ("shared pass", "explainers", "metrics")


def print_plan(forecasts: "Sequence[Forecast]", console: Console) -> None:
    """A line a block, what each method asks for, what is unsupported, and what cannot be worked on."""
    console.print(blocks_table(forecasts))
    for of_block in forecasts:
        if of_block.metrics:
            console.print(methods_table(of_block))
    for of_block in forecasts:
        if of_block.problem:
            console.print(f"[red]cannot run[/] {escape(of_block.title)}: {escape(of_block.problem)}")
        by_reason = sorted(of_block.unsupported, key=lambda cell: (cell[2], cell[1]))
        for (reason, metric), cells in groupby(by_reason, key=lambda cell: (cell[2], cell[1])):
            names = ", ".join(name for name, _, _ in cells)
            which = f"{names}, {metric}" if metric else names
            where = escape(f"{of_block.title}, {which}")
            console.print(f"[yellow]unsupported[/] {where}: {escape(reason)}", highlight=False)
    total = sum(sum(of_block.forwards.values()) for of_block in forecasts)
    seconds = sum(of_block.seconds for of_block in forecasts)
    least = "at least " if any(of_block.at_most for of_block in forecasts) else ""
    console.print(
        f"{least}{total:,} forwards, about {in_words(seconds)} on this machine; nothing was run or "
        "written",
        highlight=False,
    )


def blocks_table(forecasts: "Sequence[Forecast]") -> Table:
    """A line a model on a data set."""
    table = Table(title="plan", title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0)
    table.add_column("block", no_wrap=True)
    for column in ("images", "there", "cells", *(f"forwards:\n{stage}" for stage in STAGES), "about"):
        table.add_column(column, justify="right")
    for of_block in forecasts:
        counts = [f"{of_block.forwards.get(stage, 0):,}" for stage in STAGES]
        table.add_row(
            escape(of_block.title),
            f"{of_block.images:,}",
            f"{of_block.present:,}" if of_block.present else "",
            f"{of_block.cells:,}",
            *(counts if not of_block.problem else ["-"] * len(STAGES)),
            in_words(of_block.seconds) if not of_block.problem else "-",
        )
    return table


def methods_table(of_block: "Forecast") -> Table:
    """The forwards of its own that each method asks for."""
    title = f"{of_block.title}: forwards of their own"
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("explainer", no_wrap=True)
    table.add_column("an image", justify="right")
    table.add_column("metric", no_wrap=True)
    table.add_column("a map", justify="right")
    left = [(escape(name), f"{count:,.0f}") for name, count in of_block.explainers.items()]
    right = [(escape(name), forwards_asked(of_block, name)) for name in of_block.metrics]
    for both in zip_longest(left, right, fillvalue=("", "")):
        table.add_row(*both[0], *both[1])
    return table


def forwards_asked(of_block: "Forecast", metric: str) -> str:
    """Forwards a map, "29 to 225" where they depend on the scores."""
    least = f"{of_block.metrics[metric]:,.0f}"
    return f"{least} to {of_block.at_most[metric]:,.0f}" if metric in of_block.at_most else least


def in_words(seconds: float) -> str:
    """A time as one reads it: "12 s", "7 min", "3.5 h", "12 days"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
