"""What is said of a data set, and what of it cannot be read."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import toys

from xaibench.api import ConfigError, Dataset, UnknownName
from xaibench.api.batch import UNLABELLED, Example
from xaibench.engine.tools.inspect_data import THUMBNAIL, inspect_data, verify_data
from xaibench.engine.work.observer import Observer


class Heard(Observer):
    def __init__(self):
        self.images, self.finished = 0, 0

    def block(self, name, images):
        self.images = images

    def done(self, images, resumed):
        self.finished += images


def mixed():
    """A class of two boxes, one with a mask, one unlabelled, and four that cannot be used."""
    size = (toys.SIDE, toys.SIDE + 4)

    def broken():
        raise OSError("the disk is on the other machine")

    picture = partial(toys.picture, 0)
    return [
        Example("boxed", picture, 1, "dog", boxes=((1, 2, 5, 6), (0, 0, 2, 2))),
        Example("boxed", picture, 2, "cat", mask=lambda: np.ones(size, dtype=bool)),
        Example("plain", picture, UNLABELLED),
        Example("broken", broken, 1, "dog", boxes=((1, 2, 5, 6),)),
        Example("no box", picture, 1, "dog", boxes=((1, 2, float("nan"), 6),)),
        Example("turned box", picture, 1, "dog", boxes=((5, 2, 1, 6),)),
        Example("ill masked", picture, 1, "dog", mask=lambda: np.ones((3, 3), dtype=bool)),
    ]


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(toys, "mixed", mixed, raising=False)
    found = toys.registry()
    spec = Dataset(name="mixed", at="toys:mixed", classes="toys")
    return replace(found, datasets={**found.datasets, "mixed": spec})


def test_what_is_there_is_counted(registry):
    facts = inspect_data("mixed", registry=registry)
    assert (facts.examples, facts.images, facts.unlabelled) == (7, 6, 1)
    assert facts.widths == (toys.SIDE + 4,) * 3
    assert facts.heights == (toys.SIDE,) * 3
    dog, cat = facts.classes
    assert (dog.target, dog.label, dog.images, dog.boxes, dog.masks) == (1, "dog", 5, 2, 1)
    assert (cat.target, cat.label, cat.images, cat.boxes, cat.masks) == (2, "cat", 1, 0, 1)


def test_each_image_that_cannot_be_used_is_named_with_its_reason(registry):
    heard = Heard()
    images, unreadable = verify_data("mixed", registry=registry, observer=heard)
    assert images == heard.images == heard.finished == 6
    reasons = {one.id: one.reason for one in unreadable}
    assert list(reasons) == ["broken", "no box", "turned box", "ill masked"]
    assert reasons["broken"] == "OSError: the disk is on the other machine"
    assert reasons["no box"] == "image 'no box', class 1: (1, 2, nan, 6) is no box"
    assert reasons["turned box"].endswith("(5, 2, 1, 6) is no box")
    assert "is for 3 x 3 pixels" in reasons["ill masked"]
    assert inspect_data("mixed", registry=registry).unreadable == tuple(unreadable)


def test_what_can_be_read_is_not_listed_and_a_limit_is_of_the_first():
    assert verify_data("generated", registry=toys.registry()) == (6, [])
    assert verify_data("generated", limit=3, registry=toys.registry()) == (2, [])


def test_thumbnails_show_the_boxes_in_their_own_pixels(registry):
    first = inspect_data("mixed", registry=registry).thumbnails[0]
    assert (first.id, first.labels) == ("boxed", ("dog", "cat"))
    assert first.picture.size == (toys.SIDE + 4, toys.SIDE)
    assert first.boxes == ((1, 2, 5, 6), (0, 0, 2, 2), (0, 0, toys.SIDE + 4, toys.SIDE))


def test_a_large_picture_is_made_small_and_its_boxes_with_it(registry, monkeypatch):
    large = toys.picture(0).resize((8 * THUMBNAIL, 4 * THUMBNAIL))
    only = [Example("large", lambda: large, 0, boxes=((0, 0, 4 * THUMBNAIL, 4 * THUMBNAIL),))]
    monkeypatch.setattr(toys, "mixed", lambda: only)
    (shown,) = inspect_data("mixed", registry=registry).thumbnails
    assert shown.picture.size == (THUMBNAIL, THUMBNAIL // 2)
    assert shown.boxes == ((0, 0, THUMBNAIL / 2, THUMBNAIL / 2),)


def test_thumbnails_are_taken_from_all_of_the_data_set():
    facts = inspect_data("generated", pictures=3, registry=toys.registry())
    assert [one.id for one in facts.thumbnails] == ["image-0", "image-2", "image-4"]
    assert len(inspect_data("generated", pictures=48, registry=toys.registry()).thumbnails) == 6


def test_a_name_or_path_that_is_wrong_is_said_before_anything_is_read():
    with pytest.raises(UnknownName):
        verify_data("nowhere", registry=toys.registry())
    with pytest.raises(ConfigError, match="needs its folder"):
        verify_data("folder", registry=toys.registry())
