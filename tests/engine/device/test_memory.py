"""What a run takes does not grow with its images."""

import os
import subprocess
import sys
from pathlib import Path

import peak
import pytest

FEW, MANY = 50, 800
# Rows are forgotten once they are written. Were those of all images kept, they would take this: those
# of an image are some 18 KiB, of six cells and the shared pass. Its pixels are 108 KiB, and so are its
# three maps.
BOUND = 18 * (MANY - FEW)  # KiB


def peak_of(count: int, folder: Path) -> int:
    """KiB of a run in a process of its own, without its report."""
    paths = os.pathsep.join(path or "." for path in sys.path)
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, peak.__file__, str(count), str(folder)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return int(said)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read as Linux tells it")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    few = peak_of(FEW, tmp_path / "few")
    assert peak_of(MANY, tmp_path / "many") - few < BOUND
