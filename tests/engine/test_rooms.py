"""The engine's rooms stand one above another: each imports only from those below it."""

import ast
from pathlib import Path

import pytest

import xaibench.engine

ENGINE = Path(xaibench.engine.__file__).parent
FLOORS = (
    ("device", "discovery", "images", "network"),
    ("evaluate", "plan"),
    ("work",),
    ("run",),
    ("tools",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(file: Path) -> set[str]:
    """Return every room of the engine that a file imports from, also within functions."""
    modules = set[str]()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
    parts = [module.split(".") for module in modules]
    return {names[2] for names in parts if names[:2] == ["xaibench", "engine"] and len(names) > 2}


def test_there_are_nine_rooms_on_five_floors():
    assert {folder.name for folder in ENGINE.iterdir() if (folder / "__init__.py").exists()} == set(
        FLOOR_OF
    )
    assert (len(FLOOR_OF), len(FLOORS)) == (9, 5)


def test_no_module_stands_outside_the_rooms():
    assert [file.name for file in ENGINE.iterdir() if file.is_file()] == ["__init__.py"]


@pytest.mark.parametrize("room", FLOOR_OF)
def test_a_room_imports_only_from_the_floors_below_it(room):
    files = list((ENGINE / room).rglob("*.py"))
    assert len(files) > 1
    for file in files:
        for other in imported_rooms(file) - {room}:
            assert FLOOR_OF[other] < FLOOR_OF[room], (file, other)


@pytest.mark.parametrize("room", FLOOR_OF)
def test_a_room_says_in_five_lines_what_enters_what_leaves_and_who_calls_it(room):
    docstring = ast.get_docstring(ast.parse((ENGINE / room / "__init__.py").read_text(encoding="utf-8")))
    assert docstring is not None
    lines = docstring.splitlines()
    assert len(lines) <= 7
    for word in ("Enters:", "Leaves:", "Called by:"):
        assert sum(line.startswith(word) for line in lines) == 1, word
