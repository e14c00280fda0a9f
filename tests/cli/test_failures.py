"""`xaibench run` when explainers fail: its exit code, and which cells are named, and why."""

import json

import pytest
import toys
from typer.testing import CliRunner

from xaibench.cli import app
from xaibench.engine.run import run as engine_run

RUN = ("run", "--models", "toy", "--data", "generated", "--metrics", "deletion-28,pointing-game")
REASONS = {
    "raising": "ZeroDivisionError: nothing to divide by",
    "no_tensor": "PluginError: explainer 'no_tensor' returned list; expected a tensor (4, h, w)",
}


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What a run with these explainers ends with, and prints."""

    def run(*explainers: str, flags: tuple[str, ...] = ()) -> tuple[int, str]:
        registry = toys.registry("activation", *REASONS, "inapplicable")
        monkeypatch.setattr(engine_run, "installed", lambda strict=False: registry)
        asked = (*RUN, "--explainers", ",".join(explainers), "--limit", "2", *flags)
        done = CliRunner().invoke(app, [*asked, "--output", str(tmp_path)], env={"COLUMNS": "200"})
        return done.exit_code, done.stdout

    return run


def test_each_failed_cell_is_named_with_its_reason_and_the_code_is_1(told):
    code, said = told("activation", *REASONS)
    assert code == 1
    failures = {line for line in said.splitlines() if line.startswith("failed ")}
    assert failures == {
        f"failed toy on generated, {name}: {reason} (4 rows)" for name, reason in REASONS.items()
    }


def test_each_failed_cell_is_named_with_its_reason_in_json_lines(told):
    code, said = told("activation", *REASONS, flags=("--json",))
    assert code == 1
    *_, progress, result = map(json.loads, said.splitlines())
    assert progress["failures"] == 8
    assert result["exit_code"] == 1
    found = {(one["status"], one["explainer"]): one["reason"] for one in result["problems"]}
    assert found == {("failed", name): reason for name, reason in REASONS.items()}


def test_what_is_unsupported_has_not_failed(told):
    code, said = told("activation", "inapplicable")
    assert code == 0
    assert "it needs a network with wheels" in said
