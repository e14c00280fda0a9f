"""`xaibench list`: every name that can be used."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.api.specs import Architecture, Command, Explainer, Metric, Model, Modifier, Spec
from xaibench.cli.names import completed_kinds
from xaibench.engine.discovery.registry import KINDS, installed


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(KINDS)}; all if not given.", autocompletion=completed_kinds),
    ] = None,
) -> None:
    """List what is installed: models, explainers, metrics, data sets and the other kinds of plugins.

    Example:
      xaibench list explainers
    """
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}")
    registry = installed()
    for offered in KINDS if kind is None else (kind,):
        table = Table(title=offered, title_justify="left", header_style="bold")
        table.add_column("name", no_wrap=True)
        table.add_column("what it is")
        for spec in getattr(registry, offered).values():
            table.add_row(escape(called(spec)), escape(described(spec)))
        Console().print(table)


def called(spec: Spec) -> str:
    """How a spec is named; "NAME" stands for what the user fills in."""
    if isinstance(spec, Command):
        return spec.words
    if isinstance(spec, Modifier):
        return f"NAME+{spec.name}"
    if isinstance(spec, Architecture) and spec.family:
        return f"{spec.name}[:NAME]"
    return f"{spec.name}:NAME" if isinstance(spec, Model) and spec.family else spec.name


def described(spec: Spec) -> str:
    """A spec's summary, and what else a user should know of it."""
    parts = [spec.summary]
    if isinstance(spec, Metric):
        better = "higher" if spec.higher_is_better else "lower"
        parts.append(f"version {spec.version}; {better} is better; of the {spec.target} class")
    if isinstance(spec, Explainer | Modifier):
        parts += [spec.citation, spec.note]
    return ". ".join(part for part in parts if part)
