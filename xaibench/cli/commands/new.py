"""`xaibench new`: a plugin package of your own, ready to be tested and installed."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xaibench.engine.discovery.scaffold import create


class Kind(StrEnum):
    """What a package may offer; a test says that these are all of `KINDS`."""

    EXPLAINER = "explainer"
    METRIC = "metric"
    MODEL = "model"
    DATASET = "dataset"
    EXECUTOR = "executor"


EXAMPLES = """Write a complete plugin package: a function, an entry point, a test of the whole contract.

NAME is what users will type: lower-case words with hyphens. The package is DIR/xaibench-NAME; nothing \
that is there is overwritten.

Examples:

  xaibench new explainer bright-cam

  xaibench new metric object-share --output ~/plugins

  xaibench new model my-net --licence MIT

  xaibench new executor one-process

  cd xaibench-bright-cam && pytest && pip install -e . && xaibench run --explainers bright-cam
"""


def new(
    kind: Annotated[Kind, typer.Argument(help="What the package offers.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Its name, such as bright-cam.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The folder to write the package into.")] = Path("."),
    licence: Annotated[str, typer.Option(help="Its licence, as SPDX writes it.")] = "Apache-2.0",
) -> None:
    """Write a complete plugin package."""
    folder = create(kind.value, name, output, licence)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        typer.echo(f"  {file}")
    typer.echo(f"\nNext: cd {folder} && pytest && pip install -e . && xaibench plugins")


new.__doc__ = EXAMPLES
