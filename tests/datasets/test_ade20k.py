import json

import numpy as np
import pytest
import releases
from PIL import Image
from xaibench_datasets.ade20k import ade20k, ade20k_full, ade20k_scenes

from xaibench.api import DataError

WALL, SKY = 1, 3


def numbers() -> np.ndarray:
    found = np.zeros((30, 40), dtype=np.uint8)
    found[:10] = WALL
    found[20:, 5:9] = SKY
    return found


@pytest.fixture
def parsing(tmp_path):
    home = tmp_path / "ADEChallengeData2016"
    folder = home / "annotations" / "validation"
    folder.mkdir(parents=True)
    for number in range(1, 5):
        releases.photograph(home / "images" / "validation" / f"ADE_val_{number:08}.jpg")
    Image.fromarray(numbers()).save(folder / "ADE_val_00000001.png")
    Image.fromarray(np.full((30, 40), 151, dtype=np.uint8)).save(folder / "ADE_val_00000002.png")
    Image.fromarray(np.zeros((30, 40, 3), dtype=np.uint8)).save(folder / "ADE_val_00000003.png")
    table = "Idx\tRatio\tTrain\tVal\tStuff\tName\n"
    table += "1\t0.15\t11664\t1172\t1\twall\n3\t0.08\t8450\t796\t1\tsky, heaven\n"
    releases.write(home / "objectInfo150.txt", table)
    scenes = "ADE_train_00000001 airport_terminal\nADE_val_00000001 bedroom\nADE_val_00000003 abbey\n"
    releases.write(home / "sceneCategories.txt", scenes)
    return tmp_path


def test_a_trial_an_image_and_class_with_its_pixels(parsing):
    wall, sky, *bad = ade20k(parsing)
    assert (wall.target, wall.label, sky.target, sky.label) == (0, "wall", 2, "sky")
    np.testing.assert_array_equal(wall.mask(), numbers() == WALL)
    np.testing.assert_array_equal(sky.mask(), numbers() == SKY)
    for example, message in zip(
        bad,
        ["00000002.png has pixels of class 151", "of mode RGB", "00000004.png cannot be read"],
        strict=True,
    ):
        with pytest.raises(DataError, match=message):
            example.open()


def test_scenes_are_numbered_by_name(parsing):
    found = ade20k_scenes(parsing)
    assert [(e.target, e.label) for e in found if e.label] == [(2, "bedroom"), (0, "abbey")]
    with pytest.raises(
        DataError, match=r"sceneCategories.txt does not say which scene ADE_val_00000002"
    ):
        found[1].open()


def test_the_full_release_has_its_classes_in_colours(tmp_path):
    folder = tmp_path / "ADE20K_2021_17_01" / "images" / "ADE" / "validation" / "urban" / "café"
    classes = np.where(numbers() == SKY, 2978, np.where(numbers() == WALL, 255, 0))
    colours = np.stack([classes // 256 * 10, classes % 256, numbers()], 2).astype(np.uint8)
    items = [
        {"id": 0, "name": "sky", "name_ndx": 2978, "parts": {"part_level": 0}},
        {"id": 1, "name": "wall", "name_ndx": 255, "parts": {"part_level": 0}},
        {"id": 2, "name": "wall", "name_ndx": 255, "parts": {"part_level": 0}},
        {"id": 3, "name": "door", "name_ndx": 9, "parts": {"part_level": 1}},
        {"id": 4, "name": "-", "name_ndx": 0, "parts": {"part_level": 0}},
    ]
    said = {"annotation": {"filename": "x", "object": items, "scene": ["urban", "café"]}}
    for number in (1, 2):
        releases.photograph(folder / f"ADE_val_{number:08}.jpg")
    # Some of the release's files are in Latin-1.
    content = json.dumps(said, ensure_ascii=False).encode("latin-1")
    (folder / "ADE_val_00000001.json").write_bytes(content)
    Image.fromarray(colours).save(folder / "ADE_val_00000001_seg.png")
    wall, sky, bad = ade20k_full(tmp_path)
    assert (wall.target, wall.label, sky.target) == (254, "wall", 2977)
    np.testing.assert_array_equal(wall.mask(), numbers() == WALL)
    np.testing.assert_array_equal(sky.mask(), numbers() == SKY)
    with pytest.raises(DataError, match=r"00000002.json cannot be read"):
        bad.open()


@pytest.mark.parametrize("read", [ade20k, ade20k_scenes, ade20k_full])
def test_a_folder_without_images_is_named(tmp_path, read):
    with pytest.raises(DataError, match="of ADE20K"):
        read(tmp_path)
