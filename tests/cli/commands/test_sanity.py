import csv

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli.commands import sanity as command
from xaibench.engine.tools.sanity import Sanity
from xaibench.engine.tools.sanity_checks import Band, Examined, SanityCheck
from xaibench.report.cascade import draw_cascade

BAND = Band(*(np.array([0.9, 0.6]) + off for off in (0, -0.05, 0.05)))


def check(verdict):
    return SanityCheck(
        "weights drawn anew", "likeness", 0.7, 0.6, 0.8, 0.5, verdict, "it matters", "one is flat"
    )


def sanity(*arguments):
    app = typer.Typer()
    app.command()(command.sanity)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def canned(tmp_path, monkeypatch):
    """What `examine` returns, without examining."""
    monkeypatch.chdir(tmp_path)

    def put(verdict):
        references = (
            Examined("grad-cam", (check("pass"),), BAND),
            Examined("guided-backprop", missing="this network has gelu"),
        )
        found = Sanity(Examined("mine", (check(verdict),), BAND), references, 5)
        monkeypatch.setattr("xaibench.engine.tools.sanity.examine", lambda *args: found)

    return put


def test_it_runs_and_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = sanity("grad-cam", "--limit", "3")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "results" / "sanity-grad-cam-scenes-cnn"
    with Image.open(folder / "cascade.png") as picture:
        colours = np.unique(np.array(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 50
    rows = list(csv.DictReader((folder / "checks.csv").read_text().splitlines()))
    assert [row["explainer"] for row in rows[::5]] == ["grad-cam", "guided-backprop", "edge"]
    assert {row["verdict"] for row in rows[:5]} == {"pass"}
    assert rows[5]["name"] == "weights drawn anew"
    assert rows[5]["verdict"] == "fail"


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("undefined", 1)])
def test_the_code_is_the_verdict(verdict, code, canned):
    canned(verdict)
    done = sanity("mine", "--model", "timm:any", "--output", "here")
    assert done.exit_code == code
    assert verdict in done.output
    assert "0.600 to 0.800" in done.output
    assert "one is flat" in done.output
    assert "it matters" in done.output
    assert "no reference by guided-backprop: this network has gelu" in done.output


def test_a_models_name_makes_a_folder_of_its_own(canned, tmp_path):
    canned("pass")
    sanity("mine", "--model", "timm:any")
    assert (tmp_path / "results" / "sanity-mine-timm-any" / "checks.csv").exists()


def test_a_picture_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    curves = {"mine": (BAND.mean, BAND.low, BAND.high)}
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_cascade(tmp_path / "file" / "x.png", curves, 0.5, "title", "note")


def test_a_single_stage_and_gaps_can_be_drawn(tmp_path):
    gap = np.array([np.nan, 0.2])
    one = np.array([0.3])
    draw_cascade(tmp_path / "x.png", {"a": (gap, gap, gap), "b": (one, one, one)}, 0.5, "title", "note")
    assert (tmp_path / "x.png").stat().st_size > 5000
