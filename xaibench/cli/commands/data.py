"""`xaibench data`: what a data set holds, and whether all of it can be read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.names import completing

if TYPE_CHECKING:
    from xaibench.engine.tools.inspect_data import DataFacts

MOST = 20  # classes in the table
LISTED = 5  # unreadable images that inspect names

Name = Annotated[
    str,
    typer.Argument(
        help="As in `xaibench list datasets`.",
        metavar="NAME[:PATH]",
        autocompletion=completing("datasets"),
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Only so many examples, from the data set's start.")
]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def data() -> None:
    """Look at one data set.

    Example:
      xaibench data inspect photos
    """


@app.command("inspect")
def inspect(
    name: Name,
    limit: Limit = None,
    output: Annotated[Path, typer.Option(help="Folder for the contact sheet.")] = Path("results"),
) -> None:
    """Count images, classes, boxes and masks, and draw a contact sheet.

    Example:
      xaibench data inspect photos
    """
    from xaibench.cli.display.progress import Progress
    from xaibench.engine.tools.inspect_data import inspect_data
    from xaibench.report.contact_sheet import SheetPicture, draw_contact_sheet
    from xaibench.results.folder import slug

    with Progress(Console(stderr=True)) as progress:
        facts = inspect_data(name, limit, observer=progress)
    console = Console()
    console.print(facts_table(facts))
    if facts.classes:
        console.print(classes_table(facts))
    for one in facts.unreadable[:LISTED]:
        console.print(f"[red]unreadable[/] {escape(one.id)}: {escape(one.reason)}", highlight=False)
    if len(facts.unreadable) > LISTED:
        console.print(f"and {len(facts.unreadable) - LISTED} more: xaibench data verify {escape(name)}")
    if facts.thumbnails:
        path = output / f"contact-sheet-{slug(facts.name)}.png"
        cells = [SheetPicture(t.picture, t.boxes, (", ".join(t.labels), t.id)) for t in facts.thumbnails]
        draw_contact_sheet(path, cells)
        console.print(f"{escape(str(path))}: {len(cells)} of the images", highlight=False)


@app.command("verify")
def verify(name: Name, limit: Limit = None) -> None:
    """Read every image, mask and box, and list what cannot be read; exit code 1 if anything cannot.

    Example:
      xaibench data verify cutouts
    """
    from xaibench.cli.display.progress import Progress
    from xaibench.engine.tools.inspect_data import verify_data

    with Progress(Console(stderr=True)) as progress:
        images, unreadable = verify_data(name, limit, observer=progress)
    console = Console(soft_wrap=True)
    for one in unreadable:
        console.print(f"[red]unreadable[/] {escape(one.id)}: {escape(one.reason)}", highlight=False)
    console.print(f"{images - len(unreadable):,} of {images:,} images can be read", highlight=False)
    if unreadable:
        raise typer.Exit(1)


def facts_table(facts: "DataFacts") -> Table:
    """A line a fact."""
    table = Table(title=escape(facts.name), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    lines = {
        "examples": f"{facts.examples:,}",
        "images": f"{facts.images:,}",
        "unlabelled": f"{facts.unlabelled:,}",
        "unreadable": f"{len(facts.unreadable):,}",
        "classes": f"{len(facts.classes):,}",
        "boxes": f"{sum(of_class.boxes for of_class in facts.classes):,}",
        "masks": f"{sum(of_class.masks for of_class in facts.classes):,}",
        "width": spread_in_words(facts.widths),
        "height": spread_in_words(facts.heights),
    }
    for name, fact in lines.items():
        table.add_row(name, fact)
    return table


def spread_in_words(spread: tuple[float, ...]) -> str:
    """(least, median, most) in words."""
    if not spread:
        return "-"
    least, middle, most = spread
    return f"{least:g} to {most:g}, median {middle:g}"


def classes_table(facts: "DataFacts") -> Table:
    """A line a class, of those with the most images."""
    more = f", the {MOST} of most images" if len(facts.classes) > MOST else ""
    table = Table(title=f"classes{more}", title_justify="left", header_style="bold")
    table.add_column("class", justify="right")
    table.add_column("name", overflow="fold")
    for column in ("images", "boxes", "masks"):
        table.add_column(column, justify="right")
    for of_class in facts.classes[:MOST]:
        counts = (f"{of_class.images:,}", f"{of_class.boxes:,}", f"{of_class.masks:,}")
        table.add_row(str(of_class.target), escape(of_class.label), *counts)
    return table
