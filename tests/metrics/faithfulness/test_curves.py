"""The kin of insertion and deletion: cells, steps of 1 %, differences, shares between the ends."""

import driving
import pytest
import torch
from xaibench_metrics.faithfulness.curves import (
    SAME_ENDS,
    area,
    blur,
    cells_along,
    deletion,
    deletion_normalised,
    insertion,
    insertion_deletion,
    insertion_normalised,
)


def literal_cells(maps, batch, net, grid, start, end):
    """A loop over cells, one after another turned from `start` to `end`; the area by hand."""
    height, width = maps.shape[1:]
    areas = []
    for saliency, first, last, target in zip(maps, start, end, batch.targets, strict=True):
        cells: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for y in range(height):
            for x in range(width):
                cell = y * min(grid, height) // height, x * min(grid, width) // width
                cells.setdefault(cell, []).append((y, x))
        means = {cell: sum(saliency[at].item() for at in of) / len(of) for cell, of in cells.items()}
        image, scores = first.clone(), [driving.probability(net, first, target)]
        for cell in sorted(cells, key=lambda cell: -means[cell]):
            for y, x in cells[cell]:
                image[:, y, x] = last[:, y, x]
            scores.append(driving.probability(net, image, target))
        areas.append((sum(scores) - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1))
    return torch.tensor(areas, dtype=torch.double)


@pytest.mark.parametrize("grid", [3, 5, 14])
def test_cells_agree_with_a_loop_over_cells(grid):
    batch, net = driving.make_batch(), driving.network()
    maps, grey = driving.make_maps(batch), torch.zeros_like(batch.images)
    found = driving.run(deletion, maps, batch, net, steps=grid**2, grid=grid).scores
    torch.testing.assert_close(found, literal_cells(maps, batch, net, grid, batch.images, grey))
    found = driving.run(insertion, maps, batch, net, steps=grid**2, grid=grid).scores
    blurred = blur(batch.images)
    torch.testing.assert_close(found, literal_cells(maps, batch, net, grid, blurred, batch.images))


def test_the_grid_is_of_14_cells_of_16_pixels_where_images_are_of_224():
    assert cells_along(224, 14).bincount().tolist() == [16] * 14
    assert cells_along(230, 14).bincount().sort().values.tolist() == [16] * 8 + [17] * 6
    assert cells_along(9, 14).tolist() == list(range(9))


def test_a_grid_takes_197_evaluations():
    batch = driving.make_batch(28, 28, count=1)
    asked = next(deletion(torch.rand(1, 28, 28).double(), batch, steps=196, grid=14))
    assert asked.count == 197


def test_score_cams_variant_goes_between_zeros_and_the_image_in_hundredths():
    batch, net = driving.make_batch(20, 10), driving.network()
    maps = driving.make_maps(batch)
    found, _ = driving.run_named(("insertion-1pc", "deletion-1pc"), maps, batch, net)
    for i, target in enumerate(batch.targets):
        order = maps[i].flatten().argsort(descending=True)
        deleted, inserted = [], []
        for k in range(101):
            gone = batch.images[i].clone().view(3, -1)
            gone[:, order[: 2 * k]] = 0
            deleted.append(driving.probability(net, gone.view(3, 20, 10), target))
            there = (batch.images[i].view(3, -1) - gone).view(3, 20, 10)
            inserted.append(driving.probability(net, there, target))
        for name, curve in (("deletion-1pc", deleted), ("insertion-1pc", inserted)):
            curve = torch.tensor(curve, dtype=torch.double)
            torch.testing.assert_close(found[name].curves[i], curve)
            torch.testing.assert_close(found[name].scores[i], torch.trapezoid(curve, dx=0.01))


def test_swapping_back_in_the_reverse_order_is_the_curve_backwards():
    batch, net = driving.make_batch(), driving.network()
    maps, grey = driving.make_maps(batch), torch.zeros_like(batch.images)
    there = driving.run(area, maps, batch, net, start=batch.images, end=grey, names=("a", "b"), steps=24)
    back = driving.run(area, -maps, batch, net, start=grey, end=batch.images, names=("b", "a"), steps=24)
    torch.testing.assert_close(there.curves, back.curves.flip(1))
    torch.testing.assert_close(there.scores, back.scores)


def test_the_difference_is_insertion_minus_deletion():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    found = driving.run(insertion_deletion, maps, batch, steps=28)
    into, out = (driving.run(metric, maps, batch, steps=28) for metric in (insertion, deletion))
    torch.testing.assert_close(found.scores, into.scores - out.scores)
    torch.testing.assert_close(
        torch.trapezoid(found.curves, dx=1 / found.curves[0, 1:].numel()), found.scores
    )


def test_shares_are_areas_between_the_ends():
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    for metric, plain, start in (
        (deletion_normalised, deletion, batch.images),
        (insertion_normalised, insertion, blur(batch.images)),
    ):
        found = driving.run(metric, maps, batch, net, steps=28).scores
        areas = driving.run(plain, maps, batch, net, steps=28).scores
        for i, target in enumerate(batch.targets):
            first = driving.probability(net, start[i], target)
            last = batch.images[i] if metric is insertion_normalised else 0 * batch.images[i]
            last = driving.probability(net, last, target)
            foot, top = (first, last) if metric is insertion_normalised else (last, first)
            assert found[i].item() == pytest.approx((areas[i].item() - foot) / (top - foot))


def test_a_linear_ramp_covers_half_of_the_way_between_its_ends():
    batch = driving.make_batch(8, 8, count=1)
    batch = type(batch)(("a",), torch.full((1, 3, 8, 8), 0.7).double(), torch.tensor([0]))
    found = driving.run(
        deletion_normalised, torch.rand(1, 8, 8).double(), batch, driving.Share(), steps=16
    )
    assert found.scores.item() == pytest.approx(0.5)
    assert found.undefined == {}


def test_ends_that_are_the_same_leave_nothing_to_measure_by():
    batch, net = driving.make_batch(), driving.Constant(0.2, 0.5, 0.3)
    for metric in (deletion_normalised, insertion_normalised):
        found = driving.run(metric, driving.make_maps(batch), batch, net)
        assert found.scores.isnan().all()
        assert found.undefined == dict.fromkeys(range(3), SAME_ENDS)
    scores = driving.run(insertion_deletion, driving.make_maps(batch), batch, net).scores
    torch.testing.assert_close(scores, torch.zeros(3).double())


def test_differences_and_shares_add_no_forwards():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    plain = ["insertion-28", "deletion-28"]
    more = ["insertion-deletion-28", "insertion-normalised-28", "deletion-normalised-28"]
    _, alone = driving.run_named(plain, maps, batch)
    _, together = driving.run_named(plain + more, maps, batch)
    _, before = driving.run_named(more + plain, maps, batch)
    assert together.forwards == before.forwards == alone.forwards
