"""Blocks of a page, between markers, that a script writes."""

import re
from collections.abc import Sequence
from pathlib import Path

END = "<!-- end -->"


def put(page: Path, name: str, text: str) -> None:
    """Write between `<!-- name -->` and the next `<!-- end -->`; a new block goes to the page's end.

    A block within a line stays within it.
    """
    begin = f"<!-- {name} -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    block = re.compile(rf"{re.escape(begin)}(\n?).*?{END}", re.DOTALL)
    if block.search(old):
        new = block.sub(lambda match: f"{begin}{match[1]}{text}{match[1]}{END}", old, count=1)
    else:
        new = f"{old}\n" * bool(old) + f"{begin}\n{text}\n{END}\n"
    page.write_text(new, encoding="utf-8")


def rows(page: Path, name: str) -> list[list[str]]:
    """Return the cells of the table in a block, without its head; none without such a block."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    match = re.search(rf"<!-- {re.escape(name)} -->(.*?){END}", old, re.DOTALL)
    lines = [line for line in match[1].splitlines() if line.startswith("| ")] if match else []
    return [line[2:-2].split(" | ") for line in lines[2:]]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
