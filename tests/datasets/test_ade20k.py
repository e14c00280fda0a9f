import numpy as np
import pytest
import releases
from PIL import Image
from releases import SKY, WALL, ade_numbers
from xaibench_datasets.ade20k import ade20k, ade20k_full, ade20k_scenes

from xaibench.api import DataError


@pytest.fixture
def parsing(tmp_path):
    home = tmp_path / "ADEChallengeData2016"
    folder = home / "annotations" / "validation"
    folder.mkdir(parents=True)
    for number in range(1, 5):
        releases.photograph(home / "images" / "validation" / f"ADE_val_{number:08}.jpg")
    Image.fromarray(ade_numbers()).save(folder / "ADE_val_00000001.png")
    Image.fromarray(np.full((30, 40), 151, dtype=np.uint8)).save(folder / "ADE_val_00000002.png")
    Image.fromarray(np.zeros((30, 40, 3), dtype=np.uint8)).save(folder / "ADE_val_00000003.png")
    releases.write(home / "objectInfo150.txt", releases.ADE_TABLE)
    releases.write(home / "sceneCategories.txt", releases.ADE_SCENES)
    return tmp_path


def test_a_trial_an_image_and_class_with_its_pixels(parsing):
    wall, sky, *bad = ade20k(parsing)
    assert (wall.target, wall.label, sky.target, sky.label) == (0, "wall", 2, "sky")
    np.testing.assert_array_equal(wall.mask(), ade_numbers() == WALL)
    np.testing.assert_array_equal(sky.mask(), ade_numbers() == SKY)
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
    for number in (1, 2):
        releases.photograph(folder / f"ADE_val_{number:08}.jpg")
    (folder / "ADE_val_00000001.json").write_bytes(releases.ade_items())
    (folder / "ADE_val_00000001_seg.png").write_bytes(releases.png(releases.ade_colours()))
    wall, sky, bad = ade20k_full(tmp_path)
    assert (wall.target, wall.label, sky.target) == (254, "wall", 2977)
    np.testing.assert_array_equal(wall.mask(), ade_numbers() == WALL)
    np.testing.assert_array_equal(sky.mask(), ade_numbers() == SKY)
    with pytest.raises(DataError, match=r"00000002.json cannot be read"):
        bad.open()


@pytest.mark.parametrize("read", [ade20k, ade20k_scenes, ade20k_full])
def test_a_folder_without_images_is_named(tmp_path, read):
    with pytest.raises(DataError, match="of ADE20K"):
        read(tmp_path)
