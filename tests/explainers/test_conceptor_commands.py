import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from xaibench_explainers.conceptor_commands import side_by_side, sweep_of

from xaibench.api import ConfigError, DataError
from xaibench.api.specs import modified
from xaibench.cli import app
from xaibench.engine.discovery.registry import installed
from xaibench.engine.tools.panels import examples_of, panels
from xaibench.engine.tools.single import explain
from xaibench.report.columns import draw_columns


def figure(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["figure", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (80, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"noise-{number}.png")
    return sorted(tmp_path.glob("*.png"))


def test_the_figure_of_conceptors_and_its_sweep_are_drawn(pictures, tmp_path):
    names = [picture.name for picture in pictures]
    said = figure("conceptors", *names, "--model", "scenes-cnn")
    assert "conceptors: independent reconstruction from the abstract" in said
    for name in ("conceptors.png", "conceptors-aperture.png"):
        with Image.open(tmp_path / "figures" / name) as picture:
            width, height = picture.size
            assert width > 3 * height / 2  # seven columns or eight, two rows
            assert len(np.unique(np.array(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 1000


def test_a_cam_that_does_not_apply_is_said_to_have_no_map(pictures, tmp_path):
    arguments = ("--model", "scenes-vit", "--bases", "cam,layer-cam", "--output", "here")
    said = figure("conceptors", str(pictures[0]), *arguments)
    assert "no map by cam + Conceptors: unsupported: its logits are not" in said
    assert (tmp_path / "here" / "conceptors.png").exists()


def test_the_columns_are_the_lectures():
    labels = list(side_by_side(["grad-cam", "grad-cam++", "layer-cam"]))
    assert [label.replace("\n", " ") for label in labels] == [
        *("Grad-CAM", "Grad-CAM + Conceptors"),
        *("Grad-CAM++", "Grad-CAM++ + Conceptors"),
        *("Layer-CAM", "Layer-CAM + Conceptors"),
    ]
    apertures = [spec.settings.get("conceptors.aperture_squared") for spec in sweep_of("cam").values()]
    assert apertures == [None, 1, 3, 10, 30, 100, 1000]


def test_a_panel_holds_the_maps_that_explaining_gives(pictures):
    under = modified(installed().explainer("grad-cam"), installed().modifier("conceptors"))
    both = {"plain": installed().explainer("grad-cam"), "under": under}
    found = panels("scenes-cnn", examples_of(pictures, "photos"), both)
    assert [panel.image for panel in found] == ["noise-0", "noise-1"]
    for picture, panel in zip(pictures, found, strict=True):
        assert panel.colours.shape == (64, 64, 3)
        for label, name in (("plain", "grad-cam"), ("under", "grad-cam+conceptors")):
            expected = explain("scenes-cnn", picture, name)[0]
            np.testing.assert_allclose(panel.maps[label], expected, rtol=1e-5, atol=1e-6)


def test_the_builtin_photographs_are_taken_where_no_picture_is_given():
    assert [example.id for example in examples_of([], "photos")][:2] == ["chelsea", "coffee"]


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"image 'none' cannot be read"):
        panels("scenes-cnn", examples_of([tmp_path / "none.jpg"], "photos"), side_by_side(["cam"]))


def test_a_figure_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    blank = np.zeros((4, 4, 3), dtype=np.uint8)
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_columns(tmp_path / "file" / "x.png", ["a"], [("x", blank, [None])], "title", "note")
