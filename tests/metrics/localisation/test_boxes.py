from itertools import product

import pytest
import torch
from located import regions, trials, whole
from xaibench_metrics.annotation import FLAT, UNSEEN
from xaibench_metrics.localisation.boxes import box_iou, iou, localisation_error

from xaibench.api import Undefined
from xaibench.api.batch import Region

H, W = 12, 10


def parts_of(above: list[list[bool]]) -> list[list[tuple[int, int]]]:
    """Parts joined by sides and corners, each its pixels, by walking from pixel to pixel."""
    left = {(y, x) for y, row in enumerate(above) for x, inside in enumerate(row) if inside}
    parts = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        part = [start]
        for y, x in part:
            around = [(y + dy, x + dx) for dy, dx in product((-1, 0, 1), repeat=2)]
            near = [at for at in around if at in left]
            left -= set(near)
            part += near
        parts.append(part)
    return parts


def literal_iou(saliency: torch.Tensor, region: Region, share: float) -> float:
    """The largest part's box, and the best of the boxes, each cut to the frame, by its four edges."""
    above = (saliency > share * saliency.max()).tolist()
    largest = max(parts_of(above), key=len)
    rows, columns = zip(*largest, strict=True)
    found = (min(columns), min(rows), max(columns) + 1, max(rows) + 1)
    left, top, right, bottom = region.frame
    best = 0.0
    for x0, y0, x1, y1 in region.boxed:
        truth = [
            (max(x0, left) - left) * W / (right - left),
            (max(y0, top) - top) * H / (bottom - top),
            (min(x1, right) - left) * W / (right - left),
            (min(y1, bottom) - top) * H / (bottom - top),
        ]
        if truth[2] <= truth[0] or truth[3] <= truth[1]:
            continue
        width = max(0, min(found[2], truth[2]) - max(found[0], truth[0]))
        height = max(0, min(found[3], truth[3]) - max(found[1], truth[1]))
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (found, truth)]
        best = max(best, width * height / (sum(areas) - width * height))
    return best


def lumpy_maps(count: int, seed: int = 0) -> torch.Tensor:
    """Most of it nothing, so that there are several parts."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, H, W, dtype=torch.double, generator=generator) - 0.55).relu()


@pytest.mark.parametrize("share", [0.15, 0.2, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_the_iou_is_that_of_walking_from_pixel_to_pixel(share, seed):
    maps = lumpy_maps(len(regions()), seed)
    found = box_iou(maps, trials(regions(), H, W), share).scores
    expected = [literal_iou(m, region, share) for m, region in zip(maps, regions(), strict=True)]
    assert found.tolist() == pytest.approx(expected)
    assert max(expected) > 0.1


def test_the_largest_part_counts_and_corners_join():
    saliency = torch.zeros(1, H, W)
    saliency[0, 0, :3] = 1  # three pixels, and the highest
    for i in range(4):  # four that touch at their corners, and are lower
        saliency[0, 5 + i, 4 + i] = 0.5
    region = whole(W, H, boxes=((4, 5, 8, 9),))
    assert box_iou(saliency, trials([region], H, W)).scores.item() == 1


def test_pixels_at_the_threshold_do_not_count():
    saliency = torch.zeros(1, H, W)
    saliency[0, 2, 2], saliency[0, 2, 3:8] = 1, 0.25
    region = whole(W, H, boxes=((2, 2, 3, 3),))
    assert box_iou(saliency, trials([region], H, W), share=0.25).scores.item() == 1
    assert box_iou(saliency, trials([region], H, W), share=0.2).scores.item() == pytest.approx(1 / 6)


def test_scaling_a_map_changes_nothing():
    maps, batch = lumpy_maps(len(regions())), trials(regions(), H, W)
    assert torch.equal(box_iou(maps, batch).scores, box_iou(7 * maps, batch).scores)


def test_iou_by_hand():
    assert iou((0, 0, 4, 4), (2, 2, 6, 6)) == pytest.approx(4 / 28)
    assert iou((0, 0, 4, 4), (4, 0, 8, 4)) == 0
    assert iou((1, 1, 3, 3), (1, 1, 3, 3)) == 1


def exactly(share_of_box: float) -> tuple[torch.Tensor, Region]:
    """A map whose box is so much of the class's box of ten columns."""
    saliency = torch.zeros(1, H, W)
    saliency[0, :, : round(10 * share_of_box)] = 1
    return saliency, whole(W, H, boxes=((0, 0, W, H),))


@pytest.mark.parametrize(("fits", "error"), [(0.4, 1), (0.5, 0), (0.9, 0)])
@pytest.mark.parametrize("right", [True, False])
def test_an_error_unless_the_box_fits_and_the_class_is_right(fits, error, right):
    saliency, region = exactly(fits)
    batch = trials([region], H, W, predicted=torch.tensor([0 if right else 7]))
    assert localisation_error(saliency, batch).scores.tolist() == [error if right else 1]
    assert localisation_error(saliency, batch, known=True).scores.tolist() == [error]


def test_predictions_go_along_with_their_images():
    saliency, region = exactly(0.9)
    batch = trials([region] * 3, H, W, predicted=torch.tensor([0, 5, 0]))
    maps = saliency.expand(3, -1, -1)
    assert localisation_error(maps, batch).scores.tolist() == [0, 1, 0]
    assert localisation_error(maps[:2], batch.select([1, 2])).scores.tolist() == [1, 0]


def test_without_predictions_the_error_is_undefined_and_the_known_one_is_not():
    saliency, region = exactly(0.9)
    with pytest.raises(Undefined, match="which class the network predicts"):
        localisation_error(saliency, trials([region], H, W))
    assert localisation_error(saliency, trials([region], H, W), known=True).scores.tolist() == [0]


@pytest.mark.parametrize("known", [True, False])
def test_a_flat_map_and_a_class_out_of_sight_are_undefined(known):
    saliency, region = exactly(0.9)
    hidden = Region((9, 9), (4, 4, 9, 9), boxes=((0, 0, 3, 3),))
    maps = torch.cat([torch.zeros(1, H, W), saliency, saliency])
    batch = trials([region, hidden, region], H, W, predicted=torch.zeros(3, dtype=torch.long))
    for found in (box_iou(maps, batch), localisation_error(maps, batch, known=known)):
        assert found.undefined == {0: FLAT, 1: UNSEEN}
        assert found.scores.isnan().tolist() == [True, True, False]
