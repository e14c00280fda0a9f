"""`xaibench reproduce`, on a stand-in: a folder in ImageNet's form, random weights."""

import re

import pytest
import releases
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli import app

TENCH, GOLDFISH = "n01440764", "n01443537"


def reproduce(*arguments: str, code: int = 0) -> str:
    asked = ["reproduce", *arguments]
    done = CliRunner().invoke(app, asked, catch_exceptions=False, env={"COLUMNS": "150"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def imagenet(tmp_path):
    for number, synset in enumerate((TENCH, GOLDFISH, GOLDFISH), start=1):
        path = tmp_path / "val" / synset / f"ILSVRC2012_val_{number:08}.JPEG"
        releases.photograph(path, format="JPEG")
    return tmp_path


def test_alone_it_lists_the_protocols_and_what_we_lack():
    said = reproduce()
    assert re.search(r"rise-resnet50 +imagenet +3 of 4 +unverified", said)
    assert re.search(r"score-cam-vgg16 +imagenet +3 of 3 +published", said)
    assert "TorchRay's VGG-16, trained on VOC" in said


def test_it_needs_its_data():
    with pytest.raises(ConfigError, match="needs its images: --data imagenet:PATH"):
        reproduce("rise-resnet50")
    with pytest.raises(ConfigError, match="we lack TorchRay's VGG-16"):
        reproduce("torchray-voc07-vgg16")


@pytest.mark.slow
def test_a_stand_in_runs_and_is_called_one(imagenet, tmp_path):
    said = reproduce(
        *("torch-cam-resnet18", "--data", f"imagenet:{imagenet}", "--limit", "2", "--width", "8"),
        *("--models", "torchvision:resnet18=random", "--output", str(tmp_path / "out"), "--quiet"),
    )
    assert said.startswith("note STAND-IN: the weights are random")
    assert said.count("STAND-IN") == 1
    assert re.search(r"Grad-CAM +average drop +0.2686 +[\d.e-]+ +[\d.e-]+ to [\d.e-]+ +grad-cam", said)
    assert re.search(r"SmoothGrad-CAM\+\+ +average drop +0.2088 +- +we have no such method", said)
    assert "2 images of" in said
