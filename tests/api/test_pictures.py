import numpy as np
import pytest
import releases
from PIL import Image, ImageFile

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench.api.pictures import TURNS, measure_picture, open_picture, turned_box, turned_mask


def opened(path) -> np.ndarray:
    return np.asarray(Example("x", path, 0).open())


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    values = np.array([[0, 128, 129, 256, 257, 32768, 65535]], dtype=np.uint16)
    for suffix in ("png", "tif", "pgm"):
        Image.fromarray(values).save(tmp_path / f"x.{suffix}")
        expected = np.array([0, 0, 1, 1, 1, 128, 255])
        np.testing.assert_array_equal(opened(tmp_path / f"x.{suffix}")[0], np.stack([expected] * 3, 1))


def test_greyscale_is_the_same_in_all_colours(tmp_path):
    grey = releases.pixels(6, 5)[..., 0]
    Image.fromarray(grey).save(tmp_path / "x.png")
    np.testing.assert_array_equal(opened(tmp_path / "x.png"), np.stack([grey] * 3, 2))


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path):
    Image.new("RGB", (16, 16), (200, 100, 50)).convert("CMYK").save(tmp_path / "x.jpg", quality=100)
    with Image.open(tmp_path / "x.jpg") as stored:
        assert stored.mode == "CMYK"
    assert np.abs(opened(tmp_path / "x.jpg") - np.array([200.0, 100, 50])).max() <= 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_shown_on_white(tmp_path, mode):
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    picture.convert(mode).save(tmp_path / "x.png")
    np.testing.assert_array_equal(opened(tmp_path / "x.png")[0], [[0] * 3, [255] * 3])


def test_a_palette_with_half_transparent_colours_is_mixed_with_white(tmp_path):
    picture = Image.new("P", (1, 1), 0)
    picture.putpalette([255, 0, 0])
    picture.save(tmp_path / "x.png", transparency=bytes([128]))
    np.testing.assert_allclose(opened(tmp_path / "x.png")[0, 0], [255, 127, 127], atol=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 2), 0.5, np.float32), "floats without a defined white"),
        (np.full((2, 2), 70000, np.int32), "expected 16 bits"),
        (np.full((2, 2), -1, np.int32), "expected 16 bits"),
    ],
)
def test_pixels_without_a_white_are_refused_by_name(tmp_path, values, message):
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=f"image 'x' cannot be read from .*x.tif.*{message}"):
        opened(tmp_path / "x.tif")


def test_a_format_that_is_a_program_is_not_opened(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "x.jpg")
    with pytest.raises(DataError, match="EPS is none of the formats read"):
        opened(tmp_path / "x.jpg")


def test_a_truncated_jpeg_is_an_error(tmp_path):
    path = releases.photograph(tmp_path / "half.jpg", 200, 200)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(DataError, match=r"image 'x' cannot be read from .*half.jpg.*truncated"):
        opened(path)


@pytest.mark.parametrize("orientation", TURNS)
def test_what_was_drawn_on_the_stored_picture_is_turned_with_it(tmp_path, orientation):
    """A white box: where Pillow puts it, box and mask must be."""
    stored = np.zeros((20, 30, 3), dtype=np.uint8)
    stored[2:9, 4:20] = 255
    Image.fromarray(stored).save(tmp_path / "x.png", exif=releases.orientation(orientation))
    found = open_picture(tmp_path / "x.png")
    white = np.asarray(found.picture)[..., 0] == 255
    assert found.stored == (30, 20)
    np.testing.assert_array_equal(turned_mask(stored[..., 0] == 255, orientation), white)
    x0, y0, x1, y1 = turned_box((4, 2, 20, 9), orientation, found.stored)
    drawn = np.zeros_like(white)
    drawn[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(drawn, white)


def test_a_box_is_turned_where_its_size_is_the_stored_ones(tmp_path):
    path = releases.photograph(tmp_path / "x.jpg", 30, 20, exif=releases.orientation(6))
    box = ((4, 2, 20, 9),)
    opened = open_picture(path)
    assert opened.picture.size == (20, 30)
    turned = ((11, 4, 18, 20),)
    assert Example("x", path, 0, boxes=box, stored=True, size=(30, 20)).where(opened)[0] == turned
    assert Example("x", path, 0, boxes=box, stored=True).where(opened)[0] == turned
    assert Example("x", path, 0, boxes=box, stored=True, size=(20, 30)).where(opened)[0] == box
    assert Example("x", path, 0, boxes=box).where(opened)[0] == box
    with pytest.raises(DataError, match=r"box of image 'x', class 0, is for 31 x 20 pixels"):
        Example("x", path, 0, boxes=box, stored=True, size=(31, 20)).where(opened)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [None, *TURNS, 9])
def test_a_picture_is_measured_as_it_is_opened_and_no_pixel_of_it_is_decoded(
    tmp_path, monkeypatch, suffix, orientation
):
    path, exif = tmp_path / f"x.{suffix}", Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    opened = open_picture(path)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = measure_picture(path)
    expected = opened.size, opened.stored, opened.orientation
    assert (found.size, found.stored, found.orientation) == expected
