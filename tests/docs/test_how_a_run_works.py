"""The page of a run's road names files and functions that exist, and the words of the architecture."""

import ast
import re

import pytest
import readme

PAGE = (readme.ROOT / "docs" / "how-a-run-works.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:xaibench|plugins|tests)/[\w/.-]+)`")
PLACES = re.compile(r"`((?:xaibench|plugins)/[\w/]+\.py)`: ((?:`\w+`(?:, )?)+)")


def definitions(path: str) -> set[str]:
    """Return the names of all functions and classes of a file, methods among them."""
    tree = ast.parse((readme.ROOT / path).read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("path", sorted(set(FILE.findall(PAGE))))
def test_every_file_named_exists(path):
    assert (readme.ROOT / path).exists()


def test_every_function_named_is_in_its_file():
    places = PLACES.findall(PAGE)
    assert len(places) > 20
    for path, names in places:
        assert set(re.findall(r"\w+", names)) <= definitions(path), path


def test_the_five_tasks_name_two_or_three_files_each():
    table = PAGE.partition("## Five tasks")[2]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| a ")]
    assert len(rows) == 5
    for row in rows:
        assert 2 <= len(FILE.findall(row[2])) <= 3, row[1]
