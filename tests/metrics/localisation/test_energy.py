import pytest
import torch
from located import in_boxes, literally_covered, regions, trials, whole
from xaibench_metrics.annotation import FLAT, NO_MASK, TOO_SMALL, UNSEEN
from xaibench_metrics.localisation.energy import energy, mask_iou, relevance_rank, tied_peak

from xaibench.api.batch import Region

H, W = 11, 9


def random_maps(count: int, height: int = H, width: int = W) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.rand(count, height, width, dtype=torch.double, generator=generator)


def literal_shares(region: Region, by: str) -> torch.Tensor:
    pixels = in_boxes(region) if by == "boxes" else region.mask
    return literally_covered(region, pixels, H, W)


@pytest.mark.parametrize("by", ["boxes", "mask"])
def test_energy_is_that_of_a_loop_over_pixels(by):
    some = [region for region in regions() if by == "boxes" or region.mask is not None]
    maps = random_maps(len(some))
    found = energy(maps, trials(some, H, W), by)
    for i, region in enumerate(some):
        shares, inside, total = literal_shares(region, by), 0.0, 0.0
        for y in range(H):
            for x in range(W):
                inside += maps[i, y, x].item() * shares[y, x].item()
                total += maps[i, y, x].item()
        assert found.scores[i].item() == pytest.approx(inside / total, abs=1e-8)
        assert found.curves[i].tolist() == pytest.approx([shares.mean().item()], abs=1e-8)


def test_energy_of_an_even_map_is_the_share_of_the_area():
    """All ones but for a pixel far from the mask, since a flat map has no score."""
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[10:20, 10:30] = True
    maps = torch.ones(1, 40, 40, dtype=torch.double)
    maps[0, 0, 0] = 0
    found = energy(maps, trials([whole(40, 40, mask=mask)], 40, 40), "mask")
    assert found.scores.item() == pytest.approx(200 / 1599)
    assert found.curves.tolist() == [[200 / 1600]]


def test_energy_inside_is_one_and_outside_zero():
    region = whole(8, 8, boxes=((2, 2, 5, 6),))
    inside = torch.zeros(8, 8)
    inside[2:6, 2:5] = torch.rand(4, 3) + 0.1
    outside = torch.ones(8, 8)
    outside[2:6, 2:5] = 0
    found = energy(torch.stack([inside, outside]), trials([region] * 2, 8, 8), "boxes")
    assert found.scores.tolist() == [1, 0]


def test_rank_is_that_of_a_sorted_list():
    some = [region for region in regions() if region.mask is not None]
    maps = random_maps(len(some))
    found = relevance_rank(maps, trials(some, H, W))
    for i, region in enumerate(some):
        shares = literal_shares(region, "mask")
        mask = [(y, x) for y in range(H) for x in range(W) if shares[y, x] >= 0.5]
        pixels = sorted(((y, x) for y in range(H) for x in range(W)), key=lambda at: -maps[i][at])
        hits = len(set(pixels[: len(mask)]) & set(mask))
        assert found.scores[i].item() == pytest.approx(hits / len(mask))
        assert found.curves[i].tolist() == [pytest.approx(len(mask) / (H * W))]


def test_a_map_that_is_the_mask_ranks_perfectly():
    some = [region for region in regions() if region.mask is not None]
    maps = torch.stack([region.covered((H, W)) for region in some]).float()
    assert relevance_rank(maps, trials(some, H, W)).scores.tolist() == [1] * len(some)
    assert relevance_rank(1 - maps, trials(some, H, W)).scores.max() < 0.3


def test_ties_fall_by_chance_and_not_by_place():
    """Of a map that says nothing within, the mask's share of it is found: here a half."""
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[:20] = True
    maps = torch.ones(30, 40, 40)
    maps[:, 0, 0] = 0
    found = relevance_rank(maps, trials([whole(40, 40, mask=mask)] * 30, 40, 40)).scores
    assert found.mean().item() == pytest.approx(0.5, abs=0.01)
    assert len(set(found.tolist())) > 10


@pytest.mark.parametrize("increasing", [torch.exp, lambda m: 3 * m - 1, lambda m: m**3])
@pytest.mark.parametrize("metric", [relevance_rank, tied_peak])
def test_increasing_functions_of_a_map_change_nothing(metric, increasing):
    some = [region for region in regions() if region.mask is not None]
    maps, batch = random_maps(len(some)), trials(some, H, W)
    assert torch.equal(metric(maps, batch).scores, metric(increasing(maps), batch).scores)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5])
def test_mask_iou_is_grad_cam_plus_pluss_fraction(threshold):
    maps = random_maps(len(regions()))
    maps[:, :3] = 0
    found = mask_iou(maps, trials(regions(), H, W), threshold)
    for i, region in enumerate(regions()):
        shares, inside, outside = literal_shares(region, "boxes"), 0.0, 0.0
        for y in range(H):
            for x in range(W):
                if maps[i, y, x] > threshold:
                    inside += shares[y, x].item()
                    outside += 1 - shares[y, x].item()
        expected = inside / (shares.sum().item() + outside)
        assert found.scores[i].item() == pytest.approx(expected, abs=1e-8)


def test_any_tied_peak_hits_and_a_neighbour_does_not():
    region = whole(10, 10, boxes=((2, 2, 4, 4),))
    beside, tied, second = torch.zeros(3, 10, 10)
    beside[2, 4] = 1
    tied[9, 9] = tied[3, 3] = 1
    second[9, 9], second[3, 3] = 1, 0.99
    maps = torch.stack([beside, tied, second])
    assert tied_peak(maps, trials([region] * 3, 10, 10)).scores.tolist() == [0, 1, 0]


BOXED = whole(20, 20, boxes=((4, 4, 12, 12),))
CORNER = torch.zeros(20, 20, dtype=torch.bool)
CORNER[:3, :3] = True
HIDDEN = Region((20, 20), (10, 10, 20, 20), mask=CORNER)
OUT_OF_SIGHT = Region((9, 9), (4, 4, 9, 9), ((0, 0, 3, 3),))


def speck() -> Region:
    """One pixel of the image: a sixteenth of the network's."""
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[7, 7] = True
    return whole(20, 20, mask=mask)


@pytest.mark.parametrize(
    ("metric", "region", "reason"),
    [
        (lambda maps, batch: energy(maps, batch, "mask"), BOXED, NO_MASK),
        (relevance_rank, BOXED, NO_MASK),
        (lambda maps, batch: energy(maps, batch, "mask"), HIDDEN, UNSEEN),
        (lambda maps, batch: mask_iou(maps, batch, 0.25), OUT_OF_SIGHT, UNSEEN),
        (relevance_rank, HIDDEN, UNSEEN),
        (relevance_rank, speck(), TOO_SMALL),
        (tied_peak, speck(), TOO_SMALL),
    ],
)
def test_what_cannot_be_asked_is_undefined_with_its_reason(metric, region, reason):
    seen = whole(20, 20, mask=torch.ones(20, 20).tril().bool())
    found = metric(random_maps(2, 5, 5), trials([region, seen], 5, 5))
    assert found.undefined == {0: reason}
    assert found.scores.isnan().tolist() == [True, False]


def test_a_speck_still_has_its_energy():
    found = energy(torch.eye(5).expand(1, 5, 5), trials([speck()], 5, 5), "mask")
    assert found.scores.item() == pytest.approx(1 / 16 / 5)


@pytest.mark.parametrize(
    "metric",
    [
        lambda maps, batch: energy(maps, batch, "mask"),
        lambda maps, batch: energy(maps, batch, "boxes"),
        lambda maps, batch: mask_iou(maps, batch, 0.0),
        relevance_rank,
        tied_peak,
    ],
)
@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_flat_map_is_no_hit_but_undefined(metric, value):
    mask = torch.ones(20, 20).tril().bool()
    maps = torch.stack([torch.full((5, 5), value), torch.eye(5)])
    found = metric(maps, trials([whole(20, 20, mask=mask)] * 2, 5, 5))
    assert found.undefined == {0: FLAT}
    assert found.scores.isnan().tolist() == [True, False]
