"""`xaibench merge`: one results folder out of the parts that many machines made."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def merge(
    parts: Annotated[list[Path], typer.Argument(help="Results folders, two or more.")],
    output: Annotated[Path, typer.Option(help="The folder to make.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Forget what the folder holds.")
    ] = False,
) -> None:
    """Put parts of a run together, made by `xaibench run --part 1/3` and so on, or model by model.

    Example:
      xaibench merge results/part-1 results/part-2 results/part-3 --output results/whole
    """
    from xaibench.cli.commands.show import print_results
    from xaibench.engine.run.merge import merge as put_together

    print_results(put_together(parts, output, overwrite), Console())
