"""One word, one meaning: no class and no module shares its name, and names are of things."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
import readme

import xaibench

HOME = Path(xaibench.__file__).parent
PLUGINS = HOME.parent / "plugins"
SURFACE = (readme.ROOT / "tests" / "api" / "surface.txt").read_text(encoding="utf-8")
PUBLIC_FIELDS = "xaibench.testing.Verdict."
EMPTY_WORDS = {"found", "told", "asked", "looked", "said", "seen", "there", "made", "look", "looked_at"}

COMMAND = "the command of a verb, and the part of the engine or the results that does it"
CONTRACT = "what plugins see of it, and the engine's side"
TWO_SIDES = {  # of one boundary
    "compare": COMMAND,
    "doctor": COMMAND,
    "export": COMMAND,
    "merge": COMMAND,
    "reproduce": COMMAND,
    "run": COMMAND,
    "sanity": COMMAND,
    "study": COMMAND,
    "explaining": CONTRACT,
    "pictures": CONTRACT,
    "manifest": "the engine makes it, the results read it",
    "rows": "the engine makes them, the results store and read them",
}


def modules() -> list[Path]:
    return [file for file in sorted(HOME.rglob("*.py")) if file.stem not in ("__init__", "__main__")]


def test_no_public_class_name_stands_twice():
    places = defaultdict(list)
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{file.relative_to(HOME)}:{node.lineno}")
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_modules_of_one_name_are_two_sides_of_one_boundary():
    places = defaultdict(list)
    for file in modules():
        places[file.stem].append(str(file.relative_to(HOME)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert twice.keys() == TWO_SIDES.keys(), twice
    assert all(len(where) == 2 for where in twice.values()), twice


def names_of(file: Path) -> set[str]:
    """Return the names that a file gives to values, parameters, functions and classes."""
    names = {file.stem}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


@pytest.mark.parametrize("room", sorted(folder.name for folder in HOME.iterdir() if folder.is_dir()))
def test_names_in_the_core_are_of_things(room):
    check([file for file in modules() if file.is_relative_to(HOME / room)])


def test_names_in_the_plugins_are_of_things():
    check([file for file in PLUGINS.rglob("*.py") if "tests" not in file.relative_to(PLUGINS).parts])


def check(files: list[Path]) -> None:
    for file in files:
        empty = {name for name in names_of(file) & EMPTY_WORDS if not public(file, name)}
        assert not empty, (file, empty)


def public(file: Path, name: str) -> bool:
    """Return whether plugins may count on the name: the snapshot of the API has it."""
    if HOME not in file.parents:
        return False
    module = ".".join(file.relative_to(HOME.parent).with_suffix("").parts)
    homes = (
        f"{module}.",
        PUBLIC_FIELDS if module == "xaibench.testing.common.contract" else f"{module}.",
    )
    kept = [line for line in SURFACE.splitlines() if line.strip().removeprefix("def ").startswith(homes)]
    return any(name in re.findall(r"\w+", line) for line in kept)
