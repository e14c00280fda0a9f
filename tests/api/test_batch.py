import numpy as np
import pytest
import torch
from PIL import Image

from xaibench.api.batch import Batch, Example, Preprocess, Region, seed_of
from xaibench.api.errors import DataError


def test_the_whole_image_is_squashed_unless_a_crop_is_asked_for():
    assert Preprocess((224, 224)).frame(640, 427) == (0, 0, 640, 427)


def test_a_crop_is_the_centre_that_timm_would_see():
    left, top, right, bottom = Preprocess((224, 224), crop=0.875).frame(640, 400)
    assert (left, top, right, bottom) == (145, 25, 495, 375)


def test_images_are_scaled_and_normalised():
    preprocess = Preprocess((4, 6), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    pixels = preprocess.image(Image.new("RGB", (30, 20), (255, 0, 51)))
    assert pixels.shape == (3, 4, 6)
    torch.testing.assert_close(pixels[:, 0, 0], torch.tensor([2.0, -2.0, -1.2]))
    torch.testing.assert_close(preprocess.colours(pixels)[:, 0, 0], torch.tensor([1.0, 0.0, 0.2]))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1"])
def test_every_colour_mode_is_opened_as_rgb(tmp_path, mode):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new("RGB", (5, 4), (200, 100, 50)).convert(mode).save(path)
    assert Example("x", path, 0).open().mode == "RGB"


def test_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to be upright
    Image.new("RGB", (5, 4)).save(tmp_path / "x.jpg", exif=exif)
    assert Example("x", tmp_path / "x.jpg", 0).open().size == (4, 5)


def test_an_unreadable_image_is_named_with_its_file(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(DataError, match=r"image 'x' cannot be read from .*broken.jpg"):
        Example("x", path, 0).open()


def test_a_truncated_image_is_an_error(tmp_path):
    path = tmp_path / "half.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"half.png"):
        Example("x", path, 0).open()


def test_boxes_are_clipped_and_joined():
    region = Region((6, 4), (0, 0, 6, 4), boxes=((-3, -3, 2, 1), (4, 2, 99, 99)))
    expected = torch.zeros(4, 6, dtype=torch.bool)
    expected[:1, :2] = expected[2:, 4:] = True
    assert torch.equal(region.pixels(), expected)


@pytest.mark.parametrize("boxes", [(), ((2, 2, 2, 3),), ((9, 9, 12, 12),), ((-5, -5, -1, -1),)])
def test_a_region_without_a_pixel_is_not_known(boxes):
    assert not Region((6, 4), (0, 0, 6, 4), boxes=boxes).known


def test_a_mask_is_preferred_to_boxes():
    mask = torch.zeros(4, 6, dtype=torch.bool)
    region = Region((6, 4), (0, 0, 6, 4), boxes=((0, 0, 6, 4),), mask=mask)
    assert not region.known


def draws(batch: Batch, purpose: str = "x") -> list[float]:
    return [torch.rand(1, generator=g).item() for g in batch.generators(purpose)]


def test_random_numbers_belong_to_the_image_and_not_to_its_batch(batch):
    a, b, c = draws(batch)
    assert draws(batch.select([2, 0])) == [c, a]
    assert len({a, b, c}) == 3
    assert draws(batch, "y") != [a, b, c]


def test_seeds_are_the_same_in_every_process():
    assert seed_of("scene", 0, 1) == 7933068813990893794


def test_colours_are_normalised_and_back():
    preprocess = Preprocess((4, 5), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))
    colours = torch.rand(2, 3, 4, 5, dtype=torch.double)
    images = preprocess.normalised(colours)
    torch.testing.assert_close(preprocess.colours(images), colours, atol=1e-7, rtol=0)
    torch.testing.assert_close(images[:, 1], (colours[:, 1] - 0.4) / 0.25, atol=1e-7, rtol=0)
