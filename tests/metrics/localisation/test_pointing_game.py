import pytest
import torch
from xaibench_metrics.localisation.pointing_game import hit, point, pointing_game

from xaibench.api.batch import Batch, Preprocess, Region


def whole(width: int, height: int, **where) -> Region:
    return Region((width, height), (0, 0, width, height), **where)


def peak_at(x: int, y: int, width: int = 100, height: int = 80) -> torch.Tensor:
    saliency = torch.zeros(1, height, width)
    saliency[0, y, x] = 1
    return saliency


def play(saliency: torch.Tensor, region: Region) -> float:
    batch = Batch(("a",), torch.zeros(1, 3, *saliency.shape[1:]), torch.tensor([0]), (0,), (region,))
    return pointing_game(saliency, batch).item()


@pytest.mark.parametrize(("x", "expected"), [(40, 1), (26, 1), (25, 0), (0, 0)])
def test_the_tolerance_is_less_than_fifteen_pixels(x, expected):
    """The box begins at x = 40: 14 pixels away hits, 15 misses."""
    assert play(peak_at(x, 30), whole(100, 80, boxes=((40, 20, 60, 40),))) == expected


@pytest.mark.parametrize(("away", "expected"), [(10, 1), (11, 0)])
def test_the_tolerance_is_a_disc(away, expected):
    assert play(peak_at(40 - away, 20 - away), whole(100, 80, boxes=((40, 20, 60, 40),))) == expected


def test_the_last_pixel_of_a_box_is_before_its_far_edge():
    region = whole(100, 80, boxes=((40, 20, 60, 40),))
    assert hit((59 + 14, 30), region, 15)
    assert not hit((59 + 15, 30), region, 15)


def test_any_of_several_boxes_is_hit():
    region = whole(100, 80, boxes=((0, 0, 5, 5), (90, 70, 100, 80)))
    assert play(peak_at(95, 75), region) == 1
    assert play(peak_at(2, 2), region) == 1
    assert play(peak_at(50, 40), region) == 0


def test_the_mask_counts_and_not_its_box():
    mask = torch.zeros(80, 100, dtype=torch.bool)
    mask[0, 0] = True
    region = whole(100, 80, boxes=((0, 0, 100, 80),), mask=mask)
    assert play(peak_at(50, 40), region) == 0


def test_the_point_is_sought_at_the_size_of_the_original():
    """A small map on a large image: 14 and 15 pixels are those of the image."""
    saliency = torch.zeros(1, 10, 10)
    saliency[0, 5, 5] = 1
    x, y = point(saliency[0], whole(1000, 1000))
    assert (x, y) == (549, 549)  # first of the pixels about the cell's centre
    assert play(saliency, whole(1000, 1000, boxes=((563, 500, 600, 600),))) == 1
    assert play(saliency, whole(1000, 1000, boxes=((564, 500, 600, 600),))) == 0


def test_a_cropped_image_is_pointed_at_where_the_crop_lies():
    frame = Preprocess((50, 50), crop=0.5).frame(200, 100)
    assert frame == (75, 25, 125, 75)
    saliency = torch.zeros(50, 50)
    saliency[10, 20] = 1
    assert point(saliency, Region((200, 100), frame)) == (95, 35)


def test_the_first_of_tied_peaks_counts():
    saliency = torch.zeros(80, 100)
    saliency[10, 70] = saliency[60, 5] = 1
    assert point(saliency, whole(100, 80)) == (70, 10)


def test_a_constant_map_misses():
    assert play(torch.zeros(1, 80, 100), whole(100, 80, boxes=((0, 0, 100, 80),))) == 0


def test_agrees_with_the_distance_to_every_pixel():
    generator = torch.Generator().manual_seed(0)
    ys, xs = torch.meshgrid(torch.arange(60), torch.arange(70), indexing="ij")
    hits = 0
    for _ in range(200):
        mask = torch.rand(60, 70, generator=generator) < 0.002
        x, y = (int(torch.randint(n, (1,), generator=generator)) for n in (70, 60))
        distances = (ys - y) ** 2 + (xs - x) ** 2
        expected = bool((distances[mask] < 15**2).any())
        hits += expected
        assert hit((x, y), whole(70, 60, mask=mask), 15) == expected
    assert 20 < hits < 180
