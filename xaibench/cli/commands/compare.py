"""`xaibench compare`: what changed between two result folders, beyond noise."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.commands.stats import number, plain_table, small
from xaibench.cli.names import completing, split

if TYPE_CHECKING:
    from xaibench.results.statistics.compare import Comparison

REGRESSION = 3  # 1 is a run with failures, 2 an error
COLOURS = {"better": "green", "worse": "red"}
LEGEND = (
    "difference: B less A with its 95 % bootstrap interval, on the images and classes that both have "
    "scores of; p: Wilcoxon's signed ranks over images, Holm's correction over all rows; detectable: "
    "the least change that so many images would show four times out of five; lost: scored in A, not in B"
)


class FailOn(StrEnum):
    """What ends the command with a code of its own."""

    REGRESSION = "regression"


def compare(
    first: Annotated[Path, typer.Argument(help="Results folder A: before.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Results folder B: after.", metavar="B")],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metrics to look at; all if not given.", autocompletion=completing("metrics")),
    ] = None,
    explainer: Annotated[
        list[str] | None,
        typer.Option(
            help="Explainers to look at; all if not given.", autocompletion=completing("explainers")
        ),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="regression: exit with 3 where anything is worse beyond noise, or has lost scores."
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Relative difference up to which two scores are equal.", min=0)
    ] = 1e-5,
) -> None:
    """Compare two runs image by image: versions of an explainer, seeds, machines.

    Explainers pair by name whatever their versions; versions of a metric are kept apart. Exit codes: 0,
    2 for an error, and with --fail-on regression 3 where B is worse than A beyond noise or lacks scores
    that A has.

    Example:
      xaibench compare results/main results/mine --explainer my-cam --fail-on regression
    """
    from xaibench.api.errors import ConfigError
    from xaibench.results.results import Results
    from xaibench.results.statistics.compare import compare as compare_rows

    console = Console()
    a, b = Results.load(first).scores, Results.load(second).scores
    comparison = compare_rows(a, b, split(metric), split(explainer), tolerance)
    if comparison.frame.empty and comparison.only.empty:
        raise ConfigError("neither folder has results of these metrics and explainers")
    print_comparison(comparison, console)
    if fail_on is FailOn.REGRESSION and len(comparison.regressions):
        console.print(
            f"[red]regression[/] in {len(comparison.regressions)} of {len(comparison.frame)} rows"
        )
        raise typer.Exit(REGRESSION)
    if fail_on is FailOn.REGRESSION and comparison.frame.empty:
        raise ConfigError("the two folders have nothing in common, so nothing was checked")


def print_comparison(comparison: "Comparison", console: Console) -> None:
    """The table of each model and data set, then what is in one of both alone, and what else differs."""
    if len(comparison.frame):
        for (model, dataset), _ in comparison.frame.groupby(["model", "dataset"], sort=False):
            console.print(comparison_table(comparison, str(model), str(dataset)))
        console.print(f"[dim]{LEGEND}[/]", highlight=False)
    else:
        console.print("[yellow]the two folders have nothing in common[/]")
    for (side, model, dataset), cells in comparison.only.groupby(
        ["only_in", "model", "dataset"], sort=False
    ):
        columns = (cells["metric"] + "@" + cells["metric_version"].astype(str)).unique()
        names = ", ".join(cells["explainer"].unique())
        where = f"{model} on {dataset}, {names}, {', '.join(columns)}"
        console.print(f"[yellow]only in {side}[/] {escape(where)}", highlight=False)
    for remark in comparison.remarks:
        console.print(f"[yellow]note[/] {escape(remark)}", highlight=False)
    for row in comparison.frame[comparison.frame["lost"] > 0].to_dict("records"):
        what = f"{row['explainer']}, {row['metric']}@{row['metric_version']}: {row['why_lost']}"
        console.print(f"[red]lost[/] {row['lost']} scores of {escape(what)}", highlight=False)
    odd = comparison.frame[comparison.frame["reason"] != ""]
    for (model, dataset, explainer, reason), cells in odd.groupby(
        ["model", "dataset", "explainer", "reason"], sort=False
    ):
        where = f"{model} on {dataset}, {explainer}, {', '.join(cells['metric'])}: {reason}"
        console.print(f"[yellow]no score[/] {escape(where)}", highlight=False)


def comparison_table(comparison: "Comparison", model: str, dataset: str) -> Table:
    """Every explainer and metric that both have."""
    frame = comparison.frame[
        (comparison.frame["model"] == model) & (comparison.frame["dataset"] == dataset)
    ]
    table = plain_table(f"{model} on {dataset}: A to B")
    headings = ("metric", "explainer", "A", "B", "difference", "95 %", "p", "detectable")
    for heading in (*headings, "images", "left out", "lost", "verdict"):
        left = heading in ("explainer", "metric", "verdict")
        table.add_column(heading, justify="left" if left else "right")
    for row in frame.to_dict("records"):
        name = str(row["explainer"])
        versions = f" ({row['versions']})" if "→" in row["versions"] else ""
        colour = COLOURS.get(row["verdict"], "dim")
        ends = "" if row["low"] != row["low"] else f"{row['low']:+.3f} to {row['high']:+.3f}"
        difference = row["difference"]
        table.add_row(
            escape(f"{row['metric']}@{row['metric_version']}"),
            escape(name + versions),
            number(row["a"]),
            number(row["b"]),
            "-" if difference != difference else f"{difference:+.3f}",
            ends,
            small(row["p_holm"]),
            number(row["detectable"]),
            str(row["images"]),
            str(row["left_out"] or ""),
            str(row["lost"] or ""),
            f"[{colour}]{row['verdict']}[/]",
        )
    return table
