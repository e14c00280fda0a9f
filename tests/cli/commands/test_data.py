"""`xaibench data`, and the subsets of `xaibench run`, as they are typed."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from xaibench.cli import app


def said(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def pets(tmp_path):
    for kind, count in (("cat", 2), ("dog", 3)):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for i in range(count):
            noise = np.random.default_rng(i).integers(0, 255, (20, 30 + i, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "pets" / kind / f"{i}.png")
    return tmp_path / "pets"


def test_inspect_counts_and_draws(pets, tmp_path):
    (pets / "dog" / "0.png").write_bytes(b"no picture")
    found = said("data", "inspect", f"folder:{pets}", "--output", str(tmp_path / "out"))
    assert re.search(r"images\W+5", found)
    assert re.search(r"unreadable\W+1", found)
    assert "30 to 32, median 31" in found
    assert re.search(r"1 \W+dog\W+3 \W+0 \W+0", found)
    assert "unreadable dog/0" in found
    with Image.open(tmp_path / "out" / "contact-sheet-folder.png") as picture:
        assert picture.size[0] > 4 * 160


def test_verify_says_that_all_can_be_read_or_lists_what_cannot(pets):
    assert "5 of 5 images can be read" in said("data", "verify", f"folder:{pets}")
    (pets / "cat" / "1.png").write_bytes(b"no picture")
    found = said("data", "verify", f"folder:{pets}", code=1)
    assert re.search(r"unreadable cat/1.*: image 'cat/1.*' cannot be read from .*1\.png", found)
    assert "4 of 5 images can be read" in found
    assert "1 of 1 images" in said("data", "verify", f"folder:{pets}", "--limit", "1")


RUN = ("run", "--models", "scenes-cnn", "--data", "scenes", "--explainers", "cam", "--quiet")
ONE = (*RUN, "--metrics", "pointing-game", "--width", "8")


def test_a_run_of_a_sample_of_some_classes_is_handed_on(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    said(*ONE, "--classes", "3,4", "--sample", "3", "--seed", "2", "--output", str(first))
    subset = first / "subset-scenes.json"
    images = json.loads(subset.read_text())["images"]
    assert len(images) == 3
    assert {target for image in images for target in image["targets"]} <= {3, 4}
    said(*ONE, "--subset", str(subset), "--output", str(second))
    assert json.loads((second / "subset-scenes.json").read_text())["images"] == images
