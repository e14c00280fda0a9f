import numpy as np
import pytest
from PIL import Image

from xaibench.api import UnknownName
from xaibench.engine.tools.panels import class_called, explain_picture
from xaibench.engine.tools.single import explain

NAMES = ("tench", "crane", "Egyptian cat", "crane")


def test_a_class_is_called_by_name_in_any_case_or_by_index():
    assert class_called("egyptian CAT", NAMES, 4) == 2
    assert class_called("3", NAMES, 4) == 3
    assert class_called("3", (), 4) == 3


@pytest.mark.parametrize(
    ("said", "names", "message"),
    [
        ("egyptian cot", NAMES, "did you mean 'Egyptian cat'"),
        ("crane", NAMES, "classes 1, 3 are all called 'crane'; give an index"),
        ("4", NAMES, "no class '4' Classes are 0 to 3"),
        ("dog", (), "it has no names for them"),
    ],
)
def test_a_class_that_is_not_there_says_so(said, names, message):
    with pytest.raises(UnknownName, match=message):
        class_called(said, names, 4)


def test_one_picture_by_several_has_the_maps_of_each_by_itself(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)
    names = ["grad-cam", "layer-cam", "grad-cam"]
    found = explain_picture("scenes-cnn", path, names, target="2")
    assert list(found.maps) == ["grad-cam", "layer-cam"]
    for name in found.maps:
        expected = explain("scenes-cnn", path, name, targets=[2])[0]
        np.testing.assert_allclose(found.maps[name], expected, rtol=1e-5, atol=1e-6)
        assert found.ms[name] > 0
    assert found.layer.startswith("features")
