import csv
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageDraw
from xaibench_datasets.cutouts import EMBEDDED, SIDE, compose, cutouts, texture

from xaibench.api import DataError

SINGLES = slice(0, 8)


def table() -> list[dict[str, str]]:
    with (EMBEDDED / "PROVENANCE.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_cutout_has_its_provenance_and_is_free():
    rows = table()
    assert {row["file"] for row in rows} == {path.name for path in EMBEDDED.glob("*.png")}
    assert {row["licence"] for row in rows} <= {"public domain", "CC0"}
    assert all(row["origin"] and "ublic domain" in row["recorded"].replace("D", "d") for row in rows)
    assert len({row["classes"].split()[0] for row in rows}) >= 24


def test_examples_are_unique_and_mixed_from_the_start():
    found = cutouts()
    assert len({(example.id, example.target) for example in found}) == len(found)
    first = Counter(example.id for example in found[:12])
    assert sorted(first.values()) == [1] * 8 + [4]


def test_images_are_the_same_each_time_and_change_with_the_seed():
    first = [np.asarray(example.open()) for example in cutouts()[SINGLES]]
    compose.cache_clear()
    for image, example in zip(first, cutouts()[SINGLES], strict=True):
        np.testing.assert_array_equal(image, np.asarray(example.open()))
    others = {example.id: example for example in cutouts(seed=1)}
    for image, example in zip(first, cutouts()[SINGLES], strict=True):
        assert not np.array_equal(image, np.asarray(others[example.id].open()))


def test_a_mask_is_where_the_image_differs_from_its_texture():
    from random import Random

    for example in cutouts()[SINGLES]:
        background = np.asarray(texture(Random(f"0 {example.id} texture")))
        changed = (np.asarray(example.open()) != background).any(2)
        mask = example.mask()
        assert mask.shape == (SIDE, SIDE)
        assert (changed & mask).sum() > 0.98 * mask.sum()
        assert mask.sum() > 0.3 * changed.sum()  # the rest is soft: outlines and shadows


def test_a_mosaics_objects_lie_each_in_its_quarter():
    four = cutouts()[8:12]
    assert len({example.id for example in four}) == 1
    assert len({example.target for example in four}) == 4
    masks = [example.mask() for example in four]
    assert sum(mask.astype(int) for mask in masks).max() == 1
    half = SIDE // 2
    for (y, x), mask in zip([(0, 0), (0, 1), (1, 0), (1, 1)], masks, strict=True):
        quarter = mask[y * half : (y + 1) * half, x * half : (x + 1) * half]
        assert quarter.sum() == mask.sum() > 0


@pytest.fixture
def disc(tmp_path):
    picture = Image.new("RGBA", (40, 30))
    ImageDraw.Draw(picture).ellipse((5, 5, 30, 25), fill=(200, 30, 30, 255))
    (tmp_path / "sub").mkdir()
    picture.save(tmp_path / "sub" / "disc.png")
    return tmp_path


def test_a_folder_with_a_table_is_read(disc):
    (disc / "classes.csv").write_text("file,classes,label\nsub/disc.png,7 8,cock\n")
    first, second = cutouts(disc)
    assert (first.target, first.label) == (7, "cock")
    assert first.id != second.id
    assert first.open().size == (SIDE, SIDE)


def test_tux_paints_stamps_are_known_by_their_folders(disc):
    (disc / "household").mkdir()
    birds = disc / "animals" / "birds"
    birds.mkdir(parents=True)
    (disc / "sub" / "disc.png").rename(birds / "duck.png")
    assert {(example.target, example.label) for example in cutouts(disc)} == {(97, "drake")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,classes\n../outside.png,3\n", r"line 2: '../outside.png' lies outside"),
        ("file,classes\n/etc/hostname,3\n", r"line 2: '/etc/hostname' lies outside"),
        ("file,classes\nsub/missing.png,3\n", r"line 2: there is no .*missing.png"),
        ("file,classes\nsub/disc.png,many\n", r"line 2: expected a file and ImageNet indices"),
        ("name,classes\nsub/disc.png,3\n", r"line 2: expected a file and ImageNet indices"),
        ("file,classes\n", r"holds none of the cut-outs"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(disc, text, message):
    (disc / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        cutouts(disc)


def test_a_folder_without_a_table_is_told_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"has neither a classes\.csv"):
        cutouts(tmp_path)


def test_a_cutout_without_an_opaque_part_is_refused(disc):
    Image.new("RGBA", (9, 9)).save(disc / "empty.png")
    (disc / "classes.csv").write_text("file,classes\nempty.png,3\n")
    with pytest.raises(DataError, match="has no opaque part"):
        cutouts(disc)[0].open()
