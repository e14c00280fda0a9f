"""Whole runs on a CUDA device: the CPU's scores, in bf16 too, and the same bits where that is asked."""

import subprocess
import sys
from pathlib import Path

import pytest
from toy_runs import same_rows

from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.results.results import Results

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
SAME = ["image", "target", "explainer", "metric"]
NEAR = 0.01  # of an area between 0 and 1: a tie that rounds the other way moves a few of the pixels
NEAR_IN_BF16 = 0.05  # as on the CPU, in test_modes


def scenes(output: Path, device: str, **settings: object) -> Results:
    asked = {"explainers": ("grad-cam", "score-cam"), "metrics": ("insertion-28", "deletion-28")}
    asked |= {"limit": 4, "width": 16, "gallery": 0, "device": device}
    return run(settle(None, ("scenes-cnn",), ("scenes",), **asked, **settings), output)


def furthest(found: Results, expected: Results) -> float:
    """The largest difference of two scores of the same; both runs must have all of them."""
    for results in (found, expected):
        assert set(results.rows["status"]) == {"ok"}
    both = found.scores.merge(expected.scores, on=SAME, suffixes=("", "_expected"))
    assert len(both) == len(found.scores) == len(expected.scores)
    return float((both["score"] - both["score_expected"]).abs().max())


def test_a_run_has_the_cpus_scores(tmp_path):
    found = scenes(tmp_path / "found", DEVICE)
    assert set(found.rows["device"]) == {DEVICE}
    assert furthest(found, scenes(tmp_path / "cpu", "cpu")) <= NEAR


def test_a_run_in_bf16_has_scores_near_the_cpus_in_float32(tmp_path):
    found = scenes(tmp_path / "found", DEVICE, dtype="bf16")
    assert set(found.rows["dtype"]) == {"bf16"}
    assert furthest(found, scenes(tmp_path / "cpu", "cpu")) <= NEAR_IN_BF16


def test_two_deterministic_runs_have_the_same_rows(tmp_path):
    """Each in a process of its own: cuBLAS may be told only before its first product."""
    command = [sys.executable, "-m", "xaibench", "run", "--models", "scenes-cnn", "--data", "scenes"]
    command += ["--explainers", "grad-cam,score-cam", "--metrics", "insertion-28,deletion-28"]
    command += ["--limit", "4", "--width", "16", "--device", DEVICE, "--deterministic"]
    for name in ("1", "2"):
        subprocess.run([*command, "--output", str(tmp_path / name)], check=True, capture_output=True)
    first, second = (Results.load(tmp_path / name).rows for name in ("1", "2"))
    assert set(first["mode"]) == {"deterministic"}
    assert set(first["status"]) == {"ok"}
    same_rows(first, second)
