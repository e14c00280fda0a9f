"""Writes the table of clauses into docs/plugins.md: `python docs/make_plugins_page.py`."""

import re
from pathlib import Path

from xaibench.testing import architectures, datasets, executors, explainers, metrics, models

PAGE = Path(__file__).with_name("plugins.md")
KINDS = {
    "explainer, modifier": explainers.CONTRACT,
    "metric": metrics.CONTRACT,
    "model": models.CONTRACT,
    "data set": datasets.CONTRACT,
    "architecture": architectures.CONTRACT,
    "executor": executors.CONTRACT,
}
TABLE = re.compile(r"(?<=\| --- \| --- \|\n)(?:\|.*\n|CLAUSES\n)+")


def table() -> str:
    """A row a kind."""
    return "".join(
        f"| {kind} | {', '.join(f'`{clause.name}`' for clause in contract)} |\n"
        for kind, contract in KINDS.items()
    )


def page() -> str:
    """The page with the clauses that there are."""
    return TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8"), count=1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
