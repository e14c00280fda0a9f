"""Verbs around long runs: parts, merging, validation, more metrics, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli import app
from xaibench.cli.commands.run import default_output
from xaibench.engine.plan.part import part_of
from xaibench.results.results import Results

SMALL = ("--models", "scenes-cnn", "--data", "scenes", "--explainers", "grad-cam")


def said(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_two_parts_merged_are_whole(tmp_path):
    for number in (1, 2):
        output = tmp_path / str(number)
        told = said("run", *SMALL, "--limit", 5, "--part", f"{number}/2", "--output", output, "-q")
        assert told.exit_code == 0
    merged = tmp_path / "merged"
    assert said("merge", tmp_path / "1", tmp_path / "2", "--output", merged).exit_code == 0
    told = said("validate", merged)
    assert told.exit_code == 0
    assert "whole" in told.stdout
    assert Results.load(merged).scores["image"].nunique() == 5
    next((merged / "scores").glob("*.parquet")).unlink()
    told = said("validate", merged)
    assert told.exit_code == 1
    assert "missing" in told.stdout


def test_more_metrics_on_kept_maps(tmp_path):
    run = ("run", *SMALL, "--limit", 3, "--metrics", "pointing-game", "--output", tmp_path, "-q")
    assert said(*run, "--keep-maps").exit_code == 0
    assert said("score", tmp_path, "--metrics", "relevance-mass", "-q").exit_code == 0
    rows = Results.load(tmp_path).scores
    assert set(rows["metric"]) == {"pointing-game", "relevance-mass"}
    assert set(rows.loc[rows["metric"] == "relevance-mass", "maps"]) == {"float16"}


def test_ctrl_c_finishes_the_shard_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "xaibench", "run", *SMALL, "--metrics", "insertion,deletion"]
    command += ["--limit", "400", "--output", str(tmp_path)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("scores/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"stopped; {tmp_path} has what is finished; the same command goes on" in told
    rows = Results.load(tmp_path).scores
    assert 0 < rows["image"].nunique() < 400
    complete = rows.groupby("image").size()
    assert complete.nunique() == 1  # no image is there in part


@pytest.mark.parametrize("part", ["0/2", "3/2", "x", "1", "1/0", "-1/2"])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(ConfigError, match="expected i/n"):
        part_of(part)


def test_a_file_of_settings_has_one_folder_whatever_it_comes_to_say(tmp_path):
    assert str(default_output(tmp_path / "mine.toml", "run-1", None)) == "results/mine"
    assert str(default_output(None, "run-1", "2/8")) == "results/run-1-part-2-of-8"
    (tmp_path / "scores").mkdir()
    assert default_output(tmp_path / "config.toml", "run-1", None) == tmp_path


def test_the_former_name_of_a_part_is_refused_and_says_the_new_one(tmp_path):
    with pytest.raises(ConfigError, match="--shard 1/2 is called --part 1/2 now"):
        said("run", *SMALL, "--shard", "1/2", "--output", tmp_path)
    assert "--shard" not in said("run", "--help").stdout
