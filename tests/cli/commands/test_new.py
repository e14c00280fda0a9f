"""`xaibench new`: packages that keep their contract as they are written."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from shutil import copytree

import pytest
import readme

from xaibench.api import ConfigError
from xaibench.cli.commands.new import Kind
from xaibench.engine.discovery.scaffold import KINDS, create
from xaibench.results.results import Results

TEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
LATER = "import site; site.addsitedir({!r})\n"  # as if installed there: editable packages too


def run(*command: object, cwd: Path, path: tuple[Path, ...] = ()) -> str:
    paths = [*map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_package_of_each_kind_keeps_the_contract_as_it_is_written(tmp_path):
    folders = [create(kind, f"toy-{kind}", tmp_path) for kind in KINDS]
    said = run(*TEST, *(folder / "tests" for folder in folders), cwd=tmp_path, path=tuple(folders))
    assert f"{len(KINDS)} passed" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete_and_nothing_is_left_to_fill_in_but_what_it_says(kind, tmp_path):
    folder = create(kind, "bright-thing", tmp_path / "plugins", "MIT")
    assert folder == tmp_path / "plugins" / "xaibench-bright-thing"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {
        *("pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml"),
        *("tests/test_contract.py", "xaibench_bright_thing/__init__.py"),
        "xaibench_bright_thing/bright_thing.py",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["license"]) == ("xaibench-bright-thing", "MIT")
    assert project["entry-points"]["xaibench"] == {"xaibench_bright_thing": "xaibench_bright_thing"}
    texts = {name: (folder / name).read_text() for name in found}
    assert not [name for name, text in texts.items() if "$" in text.replace("${{ matrix", "")]
    assert "Licence: MIT" in texts["README.md"]
    assert "check_" in texts["tests/test_contract.py"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_in_style(kind, tmp_path):
    folder = create(kind, "bright-thing", tmp_path)
    ruff, style = [sys.executable, "-m", "ruff"], ("--no-cache", "--isolated", "--line-length", "100")
    run(*ruff, "check", *style, "--select", "E,F,I,B,UP,N", folder, cwd=folder)
    run(*ruff, "format", "--check", *style, folder, cwd=folder)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Bright", "bright_cam", "-cam", "cam-", "a--b", "1st", "../cam", "a/b", "a\\b", "a b"),
        *("cam\n", "é", "x" * 41, "lambda", "match"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_written(name, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be a"):
        create("explainer", name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="explainer 'grad-cam' is there already"):
        create("explainer", "grad-cam", tmp_path)
    assert create("metric", "grad-cam", tmp_path).exists()  # of another kind it is free


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_overwritten(there, tmp_path):
    place, elsewhere = tmp_path / "xaibench-mine", tmp_path / "elsewhere"
    if there == "link":
        place.symlink_to(elsewhere)
    else:
        place.mkdir() if there == "folder" else place.write_text("mine")
    with pytest.raises(ConfigError, match=r"is there already and is not overwritten"):
        create("model", "mine", tmp_path)
    assert not elsewhere.exists()


def test_the_command_offers_every_kind():
    assert {kind.value for kind in Kind} == set(KINDS)


def test_a_licence_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is no SPDX expression"):
        create("model", "mine", tmp_path, 'MIT"\nscripts = "x')
    assert create("model", "mine", tmp_path, "MIT OR Apache-2.0").exists()


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path):
    say = [sys.executable, "-m", "xaibench", "new"]
    said = run(*say, "explainer", "mine", "--output", tmp_path, cwd=tmp_path)
    assert "xaibench-mine/xaibench_mine/mine.py" in said
    assert "pytest && pip install -e . && xaibench plugins" in said
    again = subprocess.run([*say, "explainer", "mine"], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 2
    assert b"is there already" in again.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A clean virtual environment on top of this one, with the commands of the page; no network."""
    root = tmp_path_factory.mktemp("machine")
    run(sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", root / "venv", cwd=root)
    (site,) = (root / "venv").glob("lib/python*/site-packages")
    (site / "ours.pth").write_text(LATER.format(sysconfig.get_path("purelib")))
    commands = {
        "xaibench": 'python -m xaibench "$@"',
        "pytest": 'python -m pytest "$@"',
        "pip": 'python -m pip "$@" --quiet --no-deps --no-build-isolation --no-index',
    }
    for name, command in commands.items():
        file = root / "venv" / "bin" / name
        file.write_text(f'#!/bin/sh\nexec "$(dirname "$0")"/{command}\n')
        file.chmod(0o755)
    return root


def follow(machine: Path, script: str, cwd: Path) -> str:
    path = f"{machine / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return run("env", f"PATH={path}", "sh", "-ec", script, cwd=cwd)


@pytest.mark.slow
def test_who_follows_the_page_gets_scores(machine, tmp_path):
    """new, edit, test, install, find, try, run and show: every command of docs/plugins.md."""
    page = (readme.ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    said = follow(machine, script, tmp_path)
    (line,) = [line for line in said.splitlines() if "xaibench-bright-cam" in line and "0.1.0" in line]
    assert "1 explainers" in line
    assert "failed" not in said
    assert list(machine.glob("venv/lib/python*/site-packages/xaibench_bright_cam/bright_cam.py"))
    scores = Results.load(tmp_path / "xaibench-bright-cam" / "results").scores
    ours = scores[scores["explainer"] == "bright-cam"]
    assert len(ours)
    assert (ours["status"] == "ok").all()
    assert ours["score"].notna().all()


USES = {  # kind: the column of the scores that names it, and what keeps its README's command small
    "explainer": ("explainer", "--metrics pointing-game --limit 4"),
    "metric": ("metric", "--explainers grad-cam --limit 4"),
    "model": ("model", "--explainers grad-cam --metrics pointing-game"),
    "dataset": ("dataset", "--explainers grad-cam --metrics pointing-game"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_who_follows_a_packages_readme_gets_scores(kind, machine, tmp_path):
    """Built as a wheel, installed, found by its entry point, tested, and used as its README says."""
    column, small = USES[kind]
    name = f"readme-{kind}"
    folder = create(kind, name, tmp_path)
    page = (folder / "README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    install, *between, use = script.splitlines()
    assert install == "pip install -e '.[test]'"
    commands = ["pip install .", *between, f"{use} {small} --output results"]
    said = follow(machine, "\n".join(commands), folder)
    (line,) = [line for line in said.splitlines() if f"xaibench-{name}" in line and "0.1.0" in line]
    assert f"1 {kind}s" in line
    assert list(machine.glob(f"venv/lib/python*/site-packages/xaibench_readme_{kind}/*_{kind}.py"))
    said = follow(machine, f"pytest --xaibench-plugin xaibench-{name}", tmp_path)
    assert re.search(r"\d+ passed", said)
    scores = Results.load(folder / "results").scores
    ours = scores[scores[column] == name]
    assert len(ours)
    assert (ours["status"] == "ok").all()
    assert ours["score"].notna().all()


@pytest.mark.slow
def test_the_package_of_captums_methods_is_installed_found_and_keeps_its_contract(machine, tmp_path):
    sources = tmp_path / "xaibench-captum"  # building leaves files behind
    copytree(readme.ROOT / "plugins" / "xaibench-captum", sources)
    follow(machine, f"pip install {sources}", tmp_path)
    said = follow(machine, "xaibench plugins; pytest -q --xaibench-plugin xaibench-captum", tmp_path)
    assert "11 explainers" in said
    assert "failed" not in said
    assert "passed" in said


def test_an_executor_as_it_is_written_runs_what_a_run_here_does(tmp_path):
    folder = create("executor", "one-process", tmp_path)
    (folder / "xaibench_one_process-0.1.0.dist-info").mkdir()
    info = folder / "xaibench_one_process-0.1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xaibench-one-process\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[xaibench]\nxaibench_one_process = xaibench_one_process\n")
    small = ["--models", "scenes-cnn", "--data", "scenes", "--explainers", "grad-cam", "--limit", "3"]
    command = [sys.executable, "-m", "xaibench", "run", *small, "--metrics", "pointing-game", "-q"]
    run(*command, "--output", "there", "--executor", "one-process", cwd=tmp_path, path=(folder,))
    run(*command, "--output", "here", cwd=tmp_path)
    there, here = (Results.load(tmp_path / name).scores for name in ("there", "here"))
    assert there["score"].tolist() == here["score"].tolist()
    assert set(there["status"]) == {"ok"}
