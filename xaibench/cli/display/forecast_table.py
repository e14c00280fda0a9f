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
    for found in forecasts:
        if found.metrics:
            console.print(methods_table(found))
    for found in forecasts:
        if found.problem:
            console.print(f"[red]cannot run[/] {escape(found.title)}: {escape(found.problem)}")
        by_reason = sorted(found.unsupported, key=lambda cell: (cell[2], cell[1]))
        for (reason, metric), cells in groupby(by_reason, key=lambda cell: (cell[2], cell[1])):
            names = ", ".join(name for name, _, _ in cells)
            which = f"{names}, {metric}" if metric else names
            where = escape(f"{found.title}, {which}")
            console.print(f"[yellow]unsupported[/] {where}: {escape(reason)}", highlight=False)
    total = sum(sum(found.forwards.values()) for found in forecasts)
    seconds = sum(found.seconds for found in forecasts)
    least = "at least " if any(found.at_most for found in forecasts) else ""
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
    for found in forecasts:
        counts = [f"{found.forwards.get(stage, 0):,}" for stage in STAGES]
        table.add_row(
            escape(found.title),
            f"{found.images:,}",
            f"{found.present:,}" if found.present else "",
            f"{found.cells:,}",
            *(counts if not found.problem else ["-"] * len(STAGES)),
            in_words(found.seconds) if not found.problem else "-",
        )
    return table


def methods_table(found: "Forecast") -> Table:
    """The forwards of its own that each method asks for."""
    title = f"{found.title}: forwards of their own"
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("explainer", no_wrap=True)
    table.add_column("an image", justify="right")
    table.add_column("metric", no_wrap=True)
    table.add_column("a map", justify="right")
    left = [(escape(name), f"{count:,.0f}") for name, count in found.explainers.items()]
    right = [(escape(name), asked(found, name)) for name in found.metrics]
    for both in zip_longest(left, right, fillvalue=("", "")):
        table.add_row(*both[0], *both[1])
    return table


def asked(found: "Forecast", metric: str) -> str:
    """Forwards a map, "29 to 225" where they depend on the scores."""
    least = f"{found.metrics[metric]:,.0f}"
    return f"{least} to {found.at_most[metric]:,.0f}" if metric in found.at_most else least


def in_words(seconds: float) -> str:
    """A time as one reads it: "12 s", "7 min", "3.5 h", "12 days"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
