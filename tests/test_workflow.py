"""The GitHub workflow runs lanes that tox has, and commands and files that are there."""

import configparser
import re
import shlex

import pytest
import readme
import yaml

WORKFLOW = readme.ROOT / ".github" / "workflows" / "tests.yml"
JOBS = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
LANE = "${{ matrix.lane }}"


def commands(job):
    """The words of each command of a job, its lanes filled in."""
    lanes = job.get("strategy", {}).get("matrix", {})
    lanes = lanes.get("lane") or [one["lane"] for one in lanes.get("include", [])]
    for step in job["steps"]:
        if "run" in step:
            for lane in lanes or [""]:
                told = re.sub(r"\$\{\{ matrix\.lane == .*? \}\}", "", step["run"].replace(LANE, lane))
                yield shlex.split(told)


def tox():
    found = configparser.ConfigParser(interpolation=None)
    found.read(readme.ROOT / "tox.ini", encoding="utf-8")
    return found


@pytest.mark.parametrize("name", JOBS)
def test_its_lanes_and_files_are_there(name):
    known = tox()
    for words in commands(JOBS[name]):
        program = words[0].rpartition("/")[2]
        if program == "tox":
            lane = words[words.index("-e") + 1]
            assert f"testenv:{lane}" in known or re.fullmatch(r"py3\d+(-oldest|-newest)?", lane)
        elif program == "pip":
            packages = [word for word in words if word.startswith("plugins/")]
            assert all((readme.ROOT / package / "pyproject.toml").is_file() for package in packages)
        elif program == "pytest":
            assert (readme.ROOT / words[-1]).is_dir()
        elif program == "run":
            assert (readme.ROOT / words[0]).stat().st_mode & 0o111
        else:
            assert words[1:3] == ["-m", "venv"]


def test_each_lane_of_the_matrix_is_run_by_a_job():
    matrix = re.search(r"matrix = (.*)", (readme.ROOT / "tox.ini").read_text(encoding="utf-8"))[1]
    run = {words[-1] for job in JOBS.values() for words in commands(job) if words[0].endswith("tox")}
    assert set(matrix.split(", ")) - {"py311"} <= run  # which README's command runs
