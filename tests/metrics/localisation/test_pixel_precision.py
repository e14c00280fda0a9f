import numpy as np
import pytest
import torch
from located import random_mask, regions, trials, whole
from sklearn.metrics import average_precision_score
from xaibench_metrics.annotation import FLAT, NO_MASK
from xaibench_metrics.localisation.pixel_precision import pixel_average_precision

H, W = 20, 17


def masked(count: int, height: int = H, width: int = W) -> tuple[torch.Tensor, list]:
    generator = torch.Generator().manual_seed(2)
    maps = torch.rand(count, height, width, dtype=torch.double, generator=generator)
    masks = [random_mask(17, 20, seed) for seed in range(count)]
    return maps, [whole(17, 20, mask=mask) for mask in masks]


def sklearns(maps: torch.Tensor, shares: torch.Tensor, bins: int) -> float:
    """Each pixel twice, as the object and as the rest, weighted by its shares of the two."""
    levels = np.minimum((maps.flatten().numpy() * bins).astype(int), bins - 1)
    shares = shares.flatten().numpy()
    truth = np.repeat([1, 0], len(levels))
    weights = np.concatenate([shares, 1 - shares])
    return average_precision_score(truth, np.tile(levels, 2), sample_weight=weights)


@pytest.mark.parametrize("bins", [10, 256])
@pytest.mark.parametrize("size", [(H, W), (11, 9)])
def test_it_is_scikit_learns_on_the_binned_pixels(bins, size):
    maps, some = masked(3, *size)
    found = pixel_average_precision(maps, trials(some, *size), bins)
    for i, region in enumerate(some):
        assert found.scores[i].item() == pytest.approx(sklearns(maps[i], region.covered(size), bins))


def test_the_curve_is_how_much_of_object_and_rest_is_in_each_bin():
    maps, some = masked(1)
    found = pixel_average_precision(maps, trials(some, H, W), 10).curves[0].view(2, 10)
    mask = some[0].mask
    for k in range(10):
        inside = (maps[0] >= k / 10) & (maps[0] < (k + 1) / 10)
        assert found[:, k].tolist() == [(inside & mask).sum().item(), (inside & ~mask).sum().item()]


def test_a_map_that_is_the_mask_is_perfect_and_its_opposite_is_not():
    some = [region for region in regions() if region.mask is not None][:2]
    maps = torch.stack([region.covered((H, W)) for region in some])
    found = pixel_average_precision(maps, trials(some, H, W)).scores
    assert found.tolist() == pytest.approx([1, 1])
    opposite = pixel_average_precision(1 - maps, trials(some, H, W)).scores
    assert opposite.tolist() == pytest.approx([mask.mean().item() for mask in maps])


def test_a_random_map_scores_the_share_of_the_area():
    mask = torch.zeros(200, 200, dtype=torch.bool)
    mask[:60] = True
    maps = torch.rand(1, 200, 200, generator=torch.Generator().manual_seed(0))
    found = pixel_average_precision(maps, trials([whole(200, 200, mask=mask)], 200, 200))
    assert found.scores.item() == pytest.approx(0.3, abs=0.01)


def test_an_increasing_function_that_keeps_bins_apart_changes_nothing():
    image = torch.randint(5, (2, H, W), generator=torch.Generator().manual_seed(0))
    _, some = masked(2)
    batch = trials(some, H, W)
    first, second = torch.tensor([0, 0.2, 0.5, 0.7, 1]), torch.tensor([0, 0.01, 0.02, 0.9, 1])
    one, other = (pixel_average_precision(levels[image], batch).scores for levels in (first, second))
    torch.testing.assert_close(one, other)


def test_undefined_without_a_mask_or_of_a_flat_map():
    maps, some = masked(3)
    maps[0] = 0.5
    boxed = whole(17, 20, boxes=((2, 2, 5, 5),))
    found = pixel_average_precision(maps, trials([some[0], boxed, some[2]], H, W))
    assert found.undefined == {0: FLAT, 1: NO_MASK}
    assert found.scores.isnan().tolist() == [True, True, False]
