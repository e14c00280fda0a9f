"""README keeps its word."""

import os
import subprocess
import sys

import readme


def test_its_test_command_is_what_ci_runs():
    *_, tests = readme.blocks("sh")
    assert (readme.ROOT / ".ci" / "run").read_text().endswith(tests)


def test_its_python_runs(tmp_path):
    python, *_ = readme.blocks("python")
    check = "assert maps.shape == (2, 224, 224) and scores.shape == (2,) and len(results.table()) == 5\n"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", python + check], cwd=tmp_path, env=environment, check=True)
    assert [path.name for path in (tmp_path / "results").iterdir()]
