"""`xaibench models`: what is known of one model, and where it can be explained."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.names import completing

if TYPE_CHECKING:
    from xaibench.engine.tools.inspect_model import LayerCandidate, ModelFacts

app = typer.Typer(no_args_is_help=True)


@app.callback()
def models() -> None:
    """Look at one model.

    Example:
      xaibench models inspect timm:resnet50=random
    """


@app.command("inspect")
def inspect(
    name: Annotated[
        str,
        typer.Argument(
            help="MODEL, MODEL@LAYER, MODEL=WEIGHTS.",
            metavar="NAME",
            autocompletion=completing("models"),
        ),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Every module that could be explained, also inside blocks.")
    ] = False,
) -> None:
    """Show a model's target layer, its layout and grid, its head, preprocessing and weights.

    Example:
      xaibench models inspect timm:resnet50=random
    """
    from xaibench.engine.tools.inspect_model import inspect_model

    facts = inspect_model(name, everything)
    console = Console()
    console.print(facts_table(facts))
    console.print(places_table(facts))


def facts_table(facts: "ModelFacts") -> Table:
    """A line a fact."""
    table = Table(title=escape(facts.name), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    height, width = facts.preprocess.size
    lines = {
        "network": facts.network,
        "parameters": f"{facts.parameters:,}",
        "weights sha256": facts.weights_sha,
        **{f"layer {place.layer}": described(place) for place in facts.target_layers},
        "provides": ", ".join(facts.provides),
        "head": facts.head or "none that is linear on the mean activations",
        "images": f"{height}x{width}, {facts.preprocess.interpolation}, "
        f"mean {facts.preprocess.mean}, std {facts.preprocess.std}",
    }
    for name, fact in lines.items():
        table.add_row(escape(name), escape(fact))
    return table


def described(place: "LayerCandidate") -> str:
    """A place in words."""
    height, width = place.grid
    return f"{place.layout}, {height}x{width}, {place.channels} channels"


def places_table(facts: "ModelFacts") -> Table:
    """A line a module that could be named instead."""
    model = facts.name.partition("=")[0]
    named = model.partition("@")[0]
    table = Table(title=escape(f"{named}@LAYER can be"), title_justify="left", header_style="bold")
    for column in ("layer", "layout", "grid", "channels"):
        table.add_column(column, justify="right" if column in ("grid", "channels") else "left")
    for place in facts.others:
        height, width = place.grid
        table.add_row(escape(place.layer), place.layout, f"{height}x{width}", str(place.channels))
    return table
