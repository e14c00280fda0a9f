import pytest
import xaibench_datasets.photos as module
from xaibench_datasets.photos import motorcycle_mask, photos

from xaibench.api import DataError


def test_the_photographs_can_be_opened_and_hold_their_boxes():
    found = photos()
    assert len({example.id for example in found}) == 6
    for example in found:
        width, height = example.open().size
        ((x0, y0, x1, y1),) = example.boxes
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height


def test_the_motorcycles_mask_fills_its_box():
    mask = motorcycle_mask()
    (example,) = [example for example in photos() if example.mask]
    assert mask.shape == example.open().size[::-1]
    ((x0, y0, x1, y1),) = example.boxes
    assert mask.sum() == mask[y0:y1, x0:x1].sum()
    assert 0.4 < mask[y0:y1, x0:x1].mean() < 0.6
    ys, xs = mask.nonzero()
    assert xs.min() - x0 < 10
    assert x1 - xs.max() < 10
    assert y1 - ys.max() < 10


def test_a_missing_photograph_names_its_package(monkeypatch):
    monkeypatch.setitem(module.PHOTOS, "lost", (module.SKIMAGE, "lost.png", 0, "", (0, 0, 1, 1)))
    with pytest.raises(DataError, match=r"lost.png is missing from scikit-image; reinstall it"):
        photos()
