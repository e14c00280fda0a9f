"""Imports run one way: plugins to api, engine to api and results, cli to all."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import xaibench

HOME = Path(xaibench.__file__).parent
PLUGINS = HOME.parent / "plugins"
API_ORDER = (
    *("errors", "executing", "specs", "reporting", "hooks", "types", "pictures", "region", "scored"),
    *("batch", "variants", "maps"),
    *("classifier", "layout", "explaining", "attention", "capture", "probe", "resolve"),
)
MAY_IMPORT = {
    "api": {"api"},
    "results": {"api", "results"},
    "report": {"api", "results", "report"},
    "engine": {"api", "results", "report", "engine"},
    "train": {"api", "results", "report", "engine", "train"},
    "testing": {"api", "results", "engine", "testing"},
    "cli": {"api", "results", "report", "engine", "train", "cli"},
}


def imported(file: Path) -> set[str]:
    """Every module that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def rooms(file: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(file) if name.startswith("xaibench.")}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room):
    files = list((HOME / room).rglob("*.py"))
    assert files
    for file in files:
        found = {name for name in rooms(file) if name in MAY_IMPORT}
        assert found <= MAY_IMPORT[room], file


def test_each_file_of_the_api_imports_only_those_above_it():
    files = [file for file in (HOME / "api").glob("*.py") if file.stem != "__init__"]
    assert {file.stem for file in files} == set(API_ORDER)
    for file in files:
        for name in imported(file):
            parts = name.split(".")
            if parts[:2] == ["xaibench", "api"] and len(parts) > 2 and parts[2] in API_ORDER:
                assert API_ORDER.index(parts[2]) < API_ORDER.index(file.stem), (file.name, name)


def test_no_modules_import_each_other_in_a_circle():
    """Neither at the top, nor in functions, nor for types alone."""
    files = {module_name(file): file for file in HOME.rglob("*.py")}
    arrows = {}
    for module, file in files.items():
        named = imported(file)
        # `from package import module` names both; the arrow leads to the module
        packages = {name.rpartition(".")[0] for name in named if name in files}
        arrows[module] = {name for name in named if name in files and name not in packages} - {module}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"circle of imports: {' <- '.join(error.args[1])}")


def module_name(file: Path) -> str:
    parts = file.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_core_imports_no_plugin():
    for file in HOME.rglob("*.py"):
        assert not {name for name in imported(file) if name.startswith("xaibench_")}, file


def test_the_core_names_no_method_model_or_data_set_but_as_a_default():
    from xaibench.engine.discovery.registry import installed

    found = installed()
    names = {*found.explainers, *found.models, *found.datasets, *found.metrics} - {"random", "edge"}
    allowed = {"grad-cam", "deletion", "efficientnet-lite0", "insertion", "pointing-game"}  # defaults
    allowed |= {"forwards", "backwards"}  # what a manifest counts, and metrics of the same
    for file in [*HOME.glob("api/*.py"), *HOME.glob("engine/*.py"), *HOME.glob("results/**/*.py")]:
        strings = {
            node.value
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not (strings & (names - allowed)), file


def test_report_and_command_line_name_no_modifier():
    from xaibench.engine.discovery.registry import installed

    described = HOME / "cli" / "commands" / "run.py"  # the help of the default run, which has one
    files = [file for room in ("cli", "report") for file in (HOME / room).rglob("*.*")]
    assert described in files
    for file in files:
        if file.suffix in (".py", ".html", ".js", ".css") and file != described:
            text = file.read_text(encoding="utf-8")
            assert not [name for name in installed().modifiers if name in text], file


def test_plugins_live_on_the_api_alone():
    for file in PLUGINS.rglob("*.py"):
        if "tests" in file.parts[len(PLUGINS.parts) :]:
            continue
        allowed = {"api"}
        if file.stem == "pytest_xaibench":  # a door to the contracts, and no plugin of ours
            allowed = {"api", "testing"}
        elif file.stem.endswith("_commands"):  # a command stands above the engine, as our own do
            allowed = MAY_IMPORT["cli"]
        assert rooms(file) <= allowed, file
