import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from located import trials, whole
from scipy import ndimage
from xaibench_metrics.annotation import FLAT, UNSEEN
from xaibench_metrics.localisation.max_box_acc import (
    LEVELS,
    boxes_by_threshold,
    inclusive_iou,
    max_box_acc_v2,
)

from xaibench.api.batch import Region


def labelled(saliency):
    """Every threshold, part and box, by labelling a hundred times."""
    height, width = saliency.shape
    image, found = (saliency * 255).astype(np.uint8), set()
    for k in range(100):
        parts, _ = ndimage.label(image > int(k / 100 * 255), np.ones((3, 3)))
        for rows, columns in ndimage.find_objects(parts):
            x1, y1 = min(columns.stop, width - 1), min(rows.stop, height - 1)
            found.add((k, columns.start, rows.start, x1, y1))
    return found


def as_set(saliency):
    boxes, threshold = boxes_by_threshold(saliency)
    return {(k, *box) for k, box in zip(threshold.tolist(), boxes.tolist(), strict=True)}


def smooth(cells: int, side: int = 224, seed: int = 0, floor: float = 0.0) -> np.ndarray:
    """A map as a CAM of so many cells is, nothing below `floor`."""
    cam = torch.rand(1, 1, cells, cells, generator=torch.Generator().manual_seed(seed)).double()
    whole = torch.nn.functional.interpolate(cam, (side, side), mode="bilinear")[0, 0]
    whole = (whole - whole.min()) / (whole.max() - whole.min())
    return ((whole - floor).relu() / (1 - floor)).numpy()


@pytest.mark.parametrize("floor", [0.0, 0.6])
@pytest.mark.parametrize("cells", [3, 7, 14])
def test_the_boxes_are_those_of_labelling_a_hundred_times(cells, floor):
    saliency = smooth(cells, floor=floor)
    assert as_set(saliency) == labelled(saliency)


levels = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 255]))
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=100, deadline=None)
@given(shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=levels)))
def test_the_boxes_of_any_map_are_those_of_labelling(image):
    """Plateaus, rings, single pixels, nothing at all, one row."""
    assert as_set((image + 0.5) / 256) == labelled((image + 0.5) / 256)


def test_the_iou_counts_far_edges_as_pixels():
    found, truth = np.array([[0, 0, 4, 4], [9, 9, 9, 9]]), np.array([[2, 2, 6, 6], [0, 0, 4, 4]])
    ious = inclusive_iou(found, truth)
    np.testing.assert_allclose(ious, [[9 / 41, 1], [0, 0]])


def peer_curve(saliency: torch.Tensor, boxes, holes: bool) -> list[float]:
    """The literature's way, with OpenCV: resize, quantise, outline at every threshold, IoU."""
    cv2 = pytest.importorskip("cv2")
    resized = cv2.resize(saliency.numpy(), (224, 224), interpolation=cv2.INTER_CUBIC)
    resized = (resized - resized.min()) / (resized.max() - resized.min())
    image = (resized * 255).astype(np.uint8)
    mode = cv2.RETR_TREE if holes else cv2.RETR_EXTERNAL
    curve = []
    for tau in np.arange(0, 1, 0.01):
        binary = cv2.threshold(image, int(tau * image.max()), 255, cv2.THRESH_BINARY)[1]
        best = 0.0
        for outline in cv2.findContours(binary, mode, cv2.CHAIN_APPROX_SIMPLE)[0]:
            x, y, w, h = cv2.boundingRect(outline)
            found = (x, y, min(x + w, 223), min(y + h, 223))
            for truth in boxes:
                width = min(found[2], truth[2]) - max(found[0], truth[0]) + 1
                height = min(found[3], truth[3]) - max(found[1], truth[1]) + 1
                both = max(0, width) * max(0, height)
                areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (found, truth)]
                best = max(best, both / (sum(areas) - both))
        curve.append(best)
    return curve


@pytest.mark.parametrize("side", [224, 97])
def test_agrees_with_outlines_drawn_by_opencv(side):
    """External outlines: those of holes, which the literature's tool tries too, are no part's."""
    region = whole(320, 240, boxes=((20, 30, 120, 200), (150, 100, 300, 239)))
    corners = [(14, 28, 84, 186), (105, 93, 210, 223)]  # times 224 / 320 and 224 / 240, cut off
    maps = torch.stack([torch.from_numpy(smooth(7, side, seed, 0.3)) for seed in range(3)])
    found = max_box_acc_v2(maps, trials([region] * 3, side, side))
    for i in range(3):
        expected = np.array(peer_curve(maps[i], corners, holes=False))
        np.testing.assert_allclose(found.curves[i], expected, atol=1e-6)
        with_holes = np.array(peer_curve(maps[i], corners, holes=True))
        assert (with_holes >= expected - 1e-9).all()
        reached = [expected.max() >= level for level in LEVELS]
        assert found.scores[i].item() == pytest.approx(sum(reached) / 3)


def test_a_perfect_map_reaches_every_level():
    saliency = torch.zeros(1, 64, 64)
    saliency[0, 10:30, 20:50] = 1
    region = whole(128, 64, boxes=((40, 10, 100, 30),))
    found = max_box_acc_v2(saliency, trials([region], 64, 64))
    assert found.scores.tolist() == [1]
    assert found.curves.max() > 0.95


def test_the_best_of_all_parts_and_boxes_counts():
    saliency = torch.zeros(1, 224, 224)
    saliency[0, :150, :150] = 1  # the largest part, around nothing
    saliency[0, 180:200, 180:200] = 0.8
    region = whole(224, 224, boxes=((0, 170, 40, 220), (180, 180, 200, 200)))
    found = max_box_acc_v2(saliency, trials([region], 224, 224))
    assert found.scores.tolist() == [1]
    above = int(0.8 * 255)  # the part's level: it is there below it
    assert found.curves[0].tolist() == [1 if int(k / 100 * 255) < above else 0 for k in range(100)]


def test_the_image_has_the_threshold_that_is_best_for_it():
    """A part of IoU .6 at low thresholds and .4 at high ones reaches two of three levels."""
    saliency = torch.zeros(1, 224, 224)
    saliency[0, :100, :61] = 0.5
    saliency[0, :100, :40] = 1
    region = whole(224, 224, boxes=((0, 0, 100, 100),))
    found = max_box_acc_v2(saliency, trials([region], 224, 224))
    low, high = 62 * 101 / 101**2, 41 * 101 / 101**2
    assert found.curves[0].tolist() == pytest.approx([low] * 50 + [high] * 50)
    assert found.scores.item() == pytest.approx(2 / 3)


def test_an_increasing_function_of_few_levels_changes_nothing_at_its_best():
    image = torch.randint(4, (2, 224, 224), generator=torch.Generator().manual_seed(0))
    image[:, 40:150, 30:170] = 3
    batch = trials([whole(224, 224, boxes=((35, 38, 160, 155),))] * 2, 224, 224)
    first, second = torch.tensor([0, 0.3, 0.6, 1]), torch.tensor([0, 0.1, 0.2, 1])
    found = [max_box_acc_v2(levels[image], batch) for levels in (first, second)]
    assert torch.equal(found[0].scores, found[1].scores)
    assert torch.equal(found[0].curves.amax(1), found[1].curves.amax(1))


def test_a_flat_map_and_a_class_out_of_sight_are_undefined():
    region = whole(20, 20, boxes=((2, 2, 9, 9),))
    hidden = Region((9, 9), (4, 4, 9, 9), boxes=((0, 0, 3, 3),))
    maps = torch.stack([torch.zeros(8, 8), torch.eye(8), torch.eye(8)])
    found = max_box_acc_v2(maps, trials([region, hidden, region], 8, 8))
    assert found.undefined == {0: FLAT, 1: UNSEEN}
    assert found.scores.isnan().tolist() == [True, True, False]
