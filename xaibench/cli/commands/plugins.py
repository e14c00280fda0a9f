"""`xaibench plugins`: which packages offer what, and which are broken."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.engine.discovery.registry import installed


def plugins(
    strict: Annotated[bool, typer.Option("--strict", help="A broken plugin is an error.")] = False,
) -> None:
    """List the installed plugins, what each offers, and why one cannot be loaded.

    Example:
      xaibench plugins --strict
    """
    table = Table(header_style="bold")
    for name in ("plugin", "package", "version", "offers"):
        table.add_column(name)
    for plugin in installed(strict).plugins:
        offers = ", ".join(f"{count} {kind}" for kind, count in plugin.offers.items())
        text = f"[bold red]broken:[/] {escape(plugin.broken)}" if plugin.broken else offers
        table.add_row(escape(plugin.name), escape(plugin.distribution), escape(plugin.version), text)
    Console().print(table)
