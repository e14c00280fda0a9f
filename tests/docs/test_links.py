"""Links between pages, and to pictures and code, lead somewhere."""

import re

import pytest
import readme

PAGES = sorted(
    page.relative_to(readme.ROOT)
    for page in (
        *readme.ROOT.glob("*.md"),
        *(readme.ROOT / "docs").glob("*.md"),
        *(readme.ROOT / "plugins").glob("*/README.md"),
    )
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """Of every heading, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    path = readme.ROOT / page
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), f"{page} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: no heading {link}"


def test_every_page_is_reached_from_the_readme():
    seen, left = set(), [readme.ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))]
        left += [(page.parent / link).resolve() for link in links if link.endswith(".md")]
    assert {readme.ROOT / "docs" / page.name for page in PAGES if page.parent.name == "docs"} <= seen
