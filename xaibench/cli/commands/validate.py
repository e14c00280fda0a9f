"""`xaibench validate`: whether a results folder is whole."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def validate(results: Annotated[Path, typer.Argument(help="A results folder.")]) -> None:
    """Check a results folder: hashes, schema, unique keys, completeness; 1 if anything is wrong.

    Example:
      xaibench validate results/mine
    """
    from xaibench.results.validation import validate as check

    folder_check = check(results)
    console = Console()
    for sentence in folder_check.wrong:
        console.print(f"[red]wrong[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    verdict = f"{len(folder_check.wrong)} things are wrong" if folder_check.wrong else "whole"
    console.print(
        f"{escape(str(results))}: {verdict}; {folder_check.rows:,} rows of "
        f"{folder_check.cells:,} cells in {folder_check.files:,} files",
        highlight=False,
        soft_wrap=True,
    )
    raise typer.Exit(1 if folder_check.wrong else 0)
