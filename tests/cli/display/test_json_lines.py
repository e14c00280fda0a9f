"""What another program reads from `xaibench run --json`."""

import json
import math

import numpy as np
import pytest
import readme
import tables
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli import app
from xaibench.cli.display.json_lines import JsonLines, plain, result_facts
from xaibench.results.results import Results

RUN = ["run", "--models", "scenes-cnn", "--data", "scenes", "--explainers", "cam", "--limit", "2"]


def objects(text: str) -> list[dict]:
    """Every line, which must be strict JSON."""

    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    output = tmp_path_factory.mktemp("json") / "out"
    asked = [*RUN, "--metrics", "pointing-game,deletion-28", "--width", "8", "--json"]
    done = CliRunner().invoke(app, [*asked, "--output", str(output)])
    return done, objects(done.stdout), output


def test_a_run_is_told_from_begin_to_result(run):
    done, told, output = run
    assert done.exit_code == 0
    assert [one["event"] for one in told[:1]] == ["begin"]
    assert {one["event"] for one in told} == {"begin", "block", "progress", "result"}
    last = [one for one in told if one["event"] == "progress"][-1]
    assert (last["done"], last["images"], last["pass_width"], last["failures"]) == (2, 2, 8, 0)
    results = Results.load(output)
    assert last["forwards"] == sum(results.manifest["forwards"].values()) - 2  # but the shared pass
    result = told[-1]
    assert result["event"] == "result"
    assert result["exit_code"] == 0
    (board,) = result["leaderboard"]
    found = {
        (line["explainer"], key): value["mean"]
        for line in board["explainers"]
        for key, value in line["values"].items()
    }
    means = results.intervals.set_index(["explainer", "metric"])["mean"]
    assert found == {(name, f"{metric}@1"): mean for (name, metric), mean in means.items()}


def test_progress_is_told_once_a_second(capsys):
    now = [0.0]
    lines = JsonLines(lambda: now[0])
    lines.begin(1)
    lines.block("a on b", 0)
    lines.block("a on b", 4)
    for _ in range(1000):
        now[0] += 0.01
        lines.passed(1)
    lines.done(4, resumed=False)
    told = objects(capsys.readouterr().out)
    events = [one["event"] for one in told]
    assert events[:2] == ["begin", "block"]
    assert events.count("progress") in (10, 11, 12)
    assert told[-1]["done"] == 4


def test_errors_and_a_stop_are_told_too(capsys):
    for error, event in ((ConfigError("so not"), "error"), (KeyboardInterrupt(), "stopped")):
        with pytest.raises(type(error)), JsonLines():
            raise error
        (told,) = objects(capsys.readouterr().out)
        assert told["event"] == event
    assert told["exit_code"] == 130


def test_a_wrong_name_is_an_object_on_stdout():
    done = CliRunner().invoke(app, ["run", "--models", "nobody", "--json"])
    (told,) = objects(done.stdout)
    assert told["type"] == "UnknownName"
    assert "no model called 'nobody'" in told["message"]


def test_a_dry_run_is_a_plan(tmp_path):
    asked = [*RUN, "--metrics", "pointing-game", "--dry-run", "--json", "--width", "4"]
    told = objects(CliRunner().invoke(app, [*asked, "--output", str(tmp_path / "none")]).stdout)
    assert told[-1]["event"] == "plan"
    assert [block["images"] for block in told[-1]["blocks"]] == [2]
    assert not (tmp_path / "none").exists()


def test_numbers_that_do_not_exist_are_null(tmp_path):
    found = Results.load(tables.folder(tmp_path, tables.rows([[0.5, math.nan], [0.25, math.nan]])))
    facts = plain(result_facts(found, 1))
    lines = {line["explainer"]: line for line in facts["leaderboard"][0]["explainers"]}
    assert lines["e1"]["values"]["x@1"]["mean"] is None
    assert lines["e0"]["values"]["x@1"]["mean"] == 0.375
    assert facts["problems"][0]["reason"] == "no box"
    assert facts["exit_code"] == 1
    assert plain({"a": (np.float64("inf"), np.int64(3), True)}) == {"a": [None, 3, True]}


def test_the_page_names_every_event_and_fact(run):
    page = (readme.ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    for one in [*run[1], {"event": "note"}, {"event": "plan"}, {"event": "error"}, {"event": "stopped"}]:
        assert f"`{one['event']}`" in page
        for fact in one:
            assert f"`{fact}`" in page, fact
