"""The Slurm recipe does what it says, a shell standing in for the scheduler."""

import os
import re
import subprocess
import sys

import pytest
import readme

from xaibench.results.results import Results

PARTS = 2


def scripts() -> list[str]:
    text = (readme.ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(#!/bin/bash\n.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_array_and_its_merge_give_one_whole_run(tmp_path):
    array, merge = scripts()
    binaries = tmp_path / "bin"
    binaries.mkdir()
    command = binaries / "xaibench"
    command.write_text(f'#!/bin/bash\nexec {sys.executable} -m xaibench "$@"\n')
    command.chmod(0o755)
    (tmp_path / "mine.toml").write_text(
        'explainers = ["grad-cam"]\nmetrics = ["pointing-game"]\nlimit = 5\nshard = 1\nwidth = 4\n'
        'device = "cpu"\n[[grid]]\nmodels = ["scenes-cnn"]\ndata = ["scenes"]\n'
    )
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    plain = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}

    def sh(script, **more):
        subprocess.run(["bash", "-c", script], cwd=tmp_path, env={**plain, **more}, check=True)

    for part in range(1, PARTS + 1):
        sh(array, SLURM_ARRAY_TASK_ID=str(part), SLURM_ARRAY_TASK_COUNT=str(PARTS))
    sh(array, SLURM_ARRAY_TASK_ID="2", SLURM_ARRAY_TASK_COUNT="1", PARTS=str(PARTS))  # it goes on
    sh(merge)
    merged = Results.load(tmp_path / "results" / "mine")
    parts = [Results.load(tmp_path / "results" / f"mine-{part}") for part in range(1, PARTS + 1)]
    assert merged.scores["image"].nunique() == 5
    assert sum(part.scores["image"].nunique() for part in parts) == 5
