"""README's plugin, a distribution that is installed later, is found without touching ours."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import readme

USE = """
    import torch, xaibench
    from torch import nn
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    maps = xaibench.explain(network, torch.rand(2, 3, 8, 8), explainer="brightest")
    print(tuple(maps.shape), float(maps.max()))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with two third-party distributions installed, one of them broken."""
    root = tmp_path_factory.mktemp("third")
    (project,) = readme.blocks("toml")
    module = readme.blocks("python")[1]
    modules = {"brightest": module, "broken": "import no_such_module_anywhere"}
    for name, code in modules.items():
        source = root / name
        (source / f"xaibench_{name}").mkdir(parents=True)
        (source / "pyproject.toml").write_text(project.replace("brightest", name))
        (source / f"xaibench_{name}" / "__init__.py").write_text(code)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
    command += ["--no-index", "--target", str(root / "site")]
    subprocess.run([*command, *(str(root / name) for name in modules)], check=True)
    return root / "site"


def run(site: Path, *command: str) -> str:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def test_an_installed_plugin_is_listed_with_its_distribution(site):
    said = run(site, sys.executable, "-m", "xaibench", "plugins")
    (line,) = [line for line in said.splitlines() if "xaibench-brightest" in line]
    assert "1.2.3" in line
    assert "1 explainers" in line


def test_a_broken_plugin_is_listed_with_its_reason(site):
    said = run(site, sys.executable, "-m", "xaibench", "plugins")
    (line,) = [line for line in said.splitlines() if "xaibench-broken" in line]
    assert "broken: ModuleNotFoundError: No module named 'no_such_module_anywhere'" in line


def test_an_installed_explainer_runs(site):
    assert run(site, sys.executable, "-c", dedent(USE)) == "(2, 8, 8) 1.0\n"


def test_an_installed_explainer_composes_with_our_modifiers(site):
    under = USE.replace('"brightest"', '"brightest+conceptors"')
    assert run(site, sys.executable, "-c", dedent(under)) == "(2, 8, 8) 1.0\n"
