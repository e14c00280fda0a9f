import pytest
import torch
from located import in_boxes, literally_covered, random_mask, regions, whole

from xaibench.api.batch import Region

SIZES = [(8, 6), (20, 17), (23, 31)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("region", regions())
def test_the_covered_share_is_that_of_all_overlaps(region, size):
    expected = literally_covered(region, region.pixels(), *size)
    torch.testing.assert_close(region.covered(size), expected, rtol=0, atol=2e-9)


def test_a_region_seen_at_its_own_size_is_covered_exactly():
    mask = random_mask(17, 20)
    assert torch.equal(whole(17, 20, mask=mask).covered((20, 17)), mask.double())


def test_halves_and_wholes_are_met_exactly():
    """Thirds of a pixel sum up to one, and half a pixel stays half of one."""
    region = Region((9, 4), (0.5, 0, 9.5, 4), boxes=((0, 0, 9, 4),))
    assert region.covered((4, 9))[0].tolist() == [1.0] * 8 + [0.5]


def test_nothing_is_covered_beyond_the_image():
    region = Region((4, 4), (-4, -4, 8, 8), boxes=((0, 0, 4, 4),))
    expected = torch.zeros(3, 3, dtype=torch.double)
    expected[1, 1] = 1
    assert torch.equal(region.covered((3, 3)), expected)


def test_a_region_outside_the_frame_is_not_covered():
    region = Region((10, 10), (5, 0, 10, 10), boxes=((0, 0, 4, 10),))
    assert region.known
    assert region.covered((7, 7)).sum() == 0
    assert region.seen_boxes((7, 7)) == ()


def test_boxes_are_cut_to_what_the_network_sees():
    region = Region((20, 10), (5, 0, 15, 10), boxes=((0, 0, 10, 5), (12, 8, 30, 40), (16, 0, 20, 10)))
    assert region.seen_boxes((20, 20)) == ((0, 0, 10, 10), (14, 16, 20, 20))


def test_without_boxes_the_extent_of_the_mask_is_the_box():
    mask = torch.zeros(10, 20, dtype=torch.bool)
    mask[2, 3] = mask[7, 11] = True
    assert whole(20, 10, mask=mask).boxed == ((3, 2, 12, 8),)
    assert whole(20, 10, mask=mask, boxes=((0, 0, 1, 1),)).boxed == ((0, 0, 1, 1),)
    assert whole(20, 10, mask=torch.zeros(10, 20, dtype=torch.bool)).boxed == ()


@pytest.mark.parametrize("region", regions())
def test_the_slow_boxes_of_other_tests_are_the_boxes(region):
    as_boxes = Region(region.size, region.frame, region.boxed)
    assert torch.equal(as_boxes.pixels(), in_boxes(region))
