"""Pages of which a script writes a part, between markers."""

from collections.abc import Sequence
from pathlib import Path

END = "<!-- end -->"


def put(page: Path, name: str, text: str) -> None:
    """Write between `<!-- name -->` and the next `<!-- end -->`; a new block goes to the page's end."""
    begin = f"<!-- {name} -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    before, found, rest = old.partition(begin)
    after = rest.partition(END)[2] if found else "\n"
    gap = "" if found or not before else "\n"
    page.write_text(f"{before}{gap}{begin}\n{text}\n{END}{after}", encoding="utf-8")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
