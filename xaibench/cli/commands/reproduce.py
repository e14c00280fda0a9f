"""`xaibench reproduce`: a paper's protocol run here, ours beside theirs."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.api.errors import ConfigError
from xaibench.cli.names import completing

if TYPE_CHECKING:
    import pandas as pd

    from xaibench.results.published import Protocol


def protocol_names(incomplete: str) -> list[str]:
    """For the shell."""
    from xaibench.results.published import protocols  # opens pandas

    return [name for name in protocols() if name.startswith(incomplete)]


def reproduce(
    protocol: Annotated[
        str | None, typer.Argument(help="All are listed if not given.", autocompletion=protocol_names)
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            help="Where the protocol's data are.",
            metavar="NAME:PATH",
            autocompletion=completing("datasets"),
        ),
    ] = "",
    models: Annotated[
        str,
        typer.Option(
            help="Instead of the protocol's: other weights as NAME=FILE, or NAME=random as a stand-in.",
            autocompletion=completing("models"),
        ),
    ] = "",
    limit: Annotated[int | None, typer.Option(help="Only so many examples.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...; found if not given.")] = None,
    width: Annotated[int | None, typer.Option(help="Images in a forward pass; else measured.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder; results/reproduce-<protocol> and more by default.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table only.")] = False,
) -> None:
    """Run a paper's protocol on your copy of its data, and print ours beside theirs.

    Figures that nobody has checked against their source are not shown. The same command goes on where it
    was stopped.

    Examples:
      xaibench reproduce

      xaibench reproduce rise-notebook-resnet50 --data imagenet:PATH --limit 100
    """
    from xaibench.results.published import beside, protocol_called, protocols

    console = Console()
    if protocol is None:
        console.print(protocols_table(list(protocols().values())))
        return
    wanted = protocol_called(protocol)
    if not data and not wanted.lacks:
        raise ConfigError(f"protocol {protocol!r} needs its images: --data {wanted.data}:PATH")
    from xaibench.cli.display.progress import Progress
    from xaibench.engine.discovery.registry import installed
    from xaibench.engine.tools import reproduce as engine

    config = engine.config_of(wanted, data, models, limit, seed=seed, device=device, width=width)
    engine.try_model(config.grid[0].models[0], installed())
    from xaibench.engine.run.run import run  # opens torch

    folder = output or Path("results") / f"reproduce-{protocol}-{config.name().removeprefix('run-')}"
    try:
        with Progress(Console(stderr=True), quiet) as progress:
            results = run(config, folder, observer=progress)
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; {folder} has what is finished; the same command goes on", err=True)
        raise typer.Exit(130) from None
    sentences = engine.reservations(wanted, config, results)
    stand_in = [line for line in sentences if line.startswith(engine.STAND_IN)]
    print_reservations(stand_in, console)  # before the eye meets a number
    console.print(beside_table(wanted, beside(wanted, results)))
    print_reservations([line for line in sentences if line not in stand_in], console)
    console.print(f"[dim]{escape(str(folder))}[/]", highlight=False)
    raise typer.Exit(int((results.scores["status"] == "failed").any()))


def print_reservations(sentences: list[str], console: Console) -> None:
    """What must be known, a line each."""
    for line in sentences:
        console.print(f"[yellow]note[/] {escape(line)}", highlight=False, soft_wrap=True)


def protocols_table(protocols: "list[Protocol]") -> Table:
    """A line a protocol."""
    table = Table(title="protocols", title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    table.padding = (0, 1, 0, 0)
    table.add_column("protocol", no_wrap=True)
    table.add_column("data", no_wrap=True)
    table.add_column("methods", justify="right")
    table.add_column("figures", no_wrap=True)
    table.add_column("to run it we lack", ratio=1)
    for one in protocols:
        ours = len([method for method in one.figures if method in one.explainers])
        checked = "published" if one.verified else "[yellow]unverified[/]"
        methods = f"{ours} of {len(one.figures)}"
        table.add_row(escape(one.name), one.data, methods, checked, escape(one.lacks))
    table.caption = "methods: those of theirs that we have; xaibench reproduce PROTOCOL --data NAME:PATH"
    table.caption_justify = "left"
    return table


def beside_table(protocol: "Protocol", frame: "pd.DataFrame") -> Table:
    """A line a method and metric."""
    title = escape(f"{protocol.name}: {protocol.source}")
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0)
    for heading in ("method", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("theirs", "ours", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("explainer")
    for row in frame.to_dict("records"):
        none = isnan(row["ours"])
        ends = "" if isnan(row["low"]) else f"{row['low']:.4g} to {row['high']:.4g}"
        table.add_row(
            escape(row["method"]),
            escape(row["metric"]),
            row["theirs"],
            "-" if none else f"{row['ours']:.4g}",
            ends,
            escape(row["why"] if none and row["why"] else row["explainer"]),
        )
    table.caption, table.caption_justify = escape(protocol.says), "left"
    return table
