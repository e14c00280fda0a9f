import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from xaibench.api import ConfigError, UnknownName, Unsupported
from xaibench.cli import app
from xaibench.cli.commands.explain import named, took
from xaibench.engine.plan.config import default_config


@pytest.fixture
def noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return tmp_path


def explain(*arguments: str, code: int = 0) -> str:
    asked = ["explain", "noise.png", "--model", "scenes-cnn", *arguments]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_the_defaults_nine_stand_side_by_side(noise):
    said = explain()
    for name in default_config()["explainers"]:
        assert f"  {name}: " in said
    assert said.count(" ms\n") + said.count(" s\n") == 9
    assert said.count("independent reconstruction") == 1
    with Image.open(noise / "noise.explained.png") as picture:
        width, height = picture.size
        assert width > 1.5 * height  # ten in two rows
        colours = np.unique(np.array(picture.convert("RGB")).reshape(-1, 3), axis=0)
        assert len(colours) > 1000


def test_one_explainer_alone_has_a_file_of_its_own(noise):
    said = explain("--explainer", "layer-cam", "--target", "3")
    assert "by layer-cam at features" in said
    assert (noise / "noise.layer-cam.png").exists()


def test_a_class_goes_by_name_or_index(noise):
    by_index = explain("--explainer", "cam", "--target", "3", "--output", "a/b.png")
    name = by_index.partition(" (")[0]
    assert explain("--explainer", "cam", "--target", name.upper(), "--output", "a/b.png") == by_index


def test_an_explainer_that_does_not_apply_has_no_map_and_a_reason(noise):
    said = explain("--explainers", "raw-attention,grad-cam")
    assert "raw-attention: unsupported: it has no attention" in said
    assert "grad-cam: " in said
    with pytest.raises(Unsupported, match="it has no attention"):
        explain("--explainer", "raw-attention")


def test_what_cannot_be_asked_says_why(noise):
    with pytest.raises(ConfigError, match="give one of the two"):
        explain("--explainer", "cam", "--explainers", "cam,grad-cam")
    with pytest.raises(UnknownName, match="no explainer called 'kam'"):
        explain("--explainers", "kam")
    with pytest.raises(UnknownName, match="the model has no class '10'"):
        explain("--explainer", "cam", "--target", "10")


def test_all_is_all_that_are_installed():
    assert {"rise", "grad-cam", "edge"} <= set(named(("all",)))
    assert named(("a", "b")) == ["a", "b"]


def test_times_are_readable():
    assert [took(ms) for ms in (0.04, 9.94, 12.3, 999, 12345)] == [
        *("0.0 ms", "9.9 ms", "12 ms", "999 ms", "12.3 s")
    ]
