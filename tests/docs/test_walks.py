"""The pages that walk through the commands: each, typed in order in a clean folder."""

import os
import re
import subprocess
import sys

import pytest
import readme
from PIL import Image
from skimage import data
from sklearn.datasets import load_digits

FAILS = {"xaibench sanity guided-backprop --model scenes-cnn --limit 6": 1}  # which its page says
SAYS = {  # which its page says too
    "xaibench explain digit.png --model checkpoint:results/simple-cnn "
    "--explainers cam,grad-cam,layer-cam,score-cam": "cam: unsupported: its logits are not",
}
COMPARE = "xaibench compare "  # 3 where the second is worse beyond noise: a result, not an error


def commands(page: str) -> list[str]:
    text = (readme.ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("xaibench ")]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["start.md", "choose.md", "lecture.md"])
def test_a_walk_can_be_walked(page, tmp_path):
    Image.fromarray(data.chelsea()).save(tmp_path / "cat.jpg")
    digit = load_digits().images[0] * (255 / 16)
    Image.fromarray(digit.astype("uint8")).resize((32, 32)).save(tmp_path / "digit.png")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    command = binaries / "xaibench"
    command.write_text(f'#!/bin/bash\nexec {sys.executable} -m xaibench "$@"\n')
    command.chmod(0o755)
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    found = commands(page)
    assert len(found) > 5
    for line in found:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        allowed = {FAILS.get(line, 0)} | ({3} if line.startswith(COMPARE) else set())
        assert done.returncode in allowed, f"{line}\n{done.stdout}\n{done.stderr}"
        assert SAYS.get(line, "") in done.stdout + done.stderr, line
    made = {"start.md": "cat.explained.png", "choose.md": "results/choice/report.html"}
    made["lecture.md"] = "results/figures/conceptors.png"
    assert (tmp_path / made[page]).exists()
