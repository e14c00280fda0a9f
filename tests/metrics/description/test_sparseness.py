import math

import pytest
import torch
from located import trials, whole
from xaibench_metrics.annotation import FLAT
from xaibench_metrics.description.sparseness import complexity, sparseness

BATCH = trials([whole(6, 7)] * 4, 7, 6)


def some_maps() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(4, 7, 6, dtype=torch.double, generator=generator)
    maps[1] = (maps[1] - 0.6).relu()
    maps[2] -= 0.5
    return maps


def test_sparseness_is_half_the_mean_difference_over_the_mean():
    """Gini's own definition: of all pairs of pixels."""
    for saliency, found in zip(some_maps(), sparseness(some_maps(), BATCH).scores, strict=True):
        values = saliency.abs().flatten().tolist()
        differences = sum(abs(a - b) for a in values for b in values)
        assert found.item() == pytest.approx(differences / (2 * len(values) * sum(values)))


def test_complexity_is_the_sum_over_pixels():
    for saliency, found in zip(some_maps(), complexity(some_maps(), BATCH).scores, strict=True):
        values = saliency.abs().flatten().tolist()
        shares = [value / sum(values) for value in values if value]
        assert found.item() == pytest.approx(-sum(p * math.log(p) for p in shares))


def test_the_extremes_are_met():
    one, even = torch.zeros(7, 6), torch.ones(7, 6)
    one[3, 3] = 5
    even[0, 0] = 1 - 1e-5  # not flat
    maps, batch = torch.stack([one, even]), trials([whole(6, 7)] * 2, 7, 6)
    assert sparseness(maps, batch).scores.tolist() == pytest.approx([41 / 42, 0], abs=1e-6)
    assert complexity(maps, batch).scores.tolist() == pytest.approx([0, math.log(42)], abs=1e-6)


def test_scaling_changes_neither():
    for metric in (sparseness, complexity):
        torch.testing.assert_close(
            metric(some_maps(), BATCH).scores, metric(9 * some_maps(), BATCH).scores
        )


@pytest.mark.parametrize("metric", [sparseness, complexity])
def test_a_flat_map_is_neither_sparse_nor_complex(metric):
    maps = torch.stack([torch.zeros(7, 6), torch.ones(7, 6), torch.eye(7)[:, :6]])
    found = metric(maps, trials([whole(6, 7)] * 3, 7, 6))
    assert found.undefined == {0: FLAT, 1: FLAT}
    assert found.scores.isnan().tolist() == [True, True, False]
