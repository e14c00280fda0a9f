import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xaibench.api.maps import rescale, upsample
from xaibench.report.page.small_maps import (
    LARGEST,
    ROOM,
    SMALLEST,
    averaging,
    bilinear,
    fitting,
    largest_grid,
    peak,
    small_maps,
)


def area_means(values, h, w):
    """Each cell's mean over exact areas, pixel by pixel."""
    height, width = values.shape
    means = np.zeros((h, w))
    for i in range(h):
        for j in range(w):
            total = area = 0.0
            for y in range(height):
                for x in range(width):
                    down = max(0, min(y + 1, (i + 1) * height / h) - max(y, i * height / h))
                    across = max(0, min(x + 1, (j + 1) * width / w) - max(x, j * width / w))
                    total += values[y, x] * down * across
                    area += down * across
            means[i, j] = total / area
    return means


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 9))
def test_averaging_is_over_areas(cells, more, seed):
    pixels = cells + more
    values = np.random.default_rng(seed).random((pixels, 9))
    found = averaging(cells, pixels) @ values @ averaging(4, 9).T
    np.testing.assert_allclose(found, area_means(values, cells, 4), atol=1e-12)


@given(st.integers(1, 20), st.integers(1, 9))
def test_bilinear_is_the_engines_upsampling(pixels, cells):
    grid = torch.rand(1, cells, 3, dtype=torch.double)
    found = bilinear(pixels, cells) @ grid[0].numpy() @ bilinear(11, 3).T
    np.testing.assert_allclose(found, upsample(grid, (pixels, 11))[0].numpy(), atol=1e-12)


@pytest.mark.parametrize("size", [(224, 224), (96, 64), (230, 171)])
def test_a_map_from_a_grid_becomes_that_grid_and_draws_back(size):
    grids = torch.rand(3, 6, 5, generator=torch.Generator().manual_seed(0))
    maps = rescale(upsample(grids, size)).half().numpy()
    small = small_maps(maps, [(6, 5)], LARGEST)
    assert [each.cells.shape for each in small] == [(6, 5)] * 3
    for each, whole in zip(small, maps, strict=True):
        grid = each.low + (each.high - each.low) * each.cells / 255
        again = bilinear(size[0], 6) @ grid @ bilinear(size[1], 5).T
        assert np.abs(again - whole).max() < 1 / 255


def test_grids_of_usual_networks_are_found_without_being_named():
    maps = rescale(upsample(torch.rand(2, 7, 7), (224, 224))).half().numpy()
    assert [each.cells.shape for each in small_maps(maps, [], LARGEST)] == [(7, 7)] * 2


def test_any_other_map_is_averaged_in_the_shape_of_the_image():
    maps = np.random.default_rng(0).random((2, 120, 90)).astype(np.float16)
    for small, whole in zip(small_maps(maps, [(7, 7)], 20), maps, strict=True):
        assert small.cells.shape == (20, 15)
        assert small.cells.dtype == np.uint8
        assert (small.low, small.high) == (0, 1)
        means = whole.astype(float).reshape(20, 6, 15, 6).mean((1, 3))
        assert np.abs(small.cells / 255 - means).max() < 0.5 / 255 + 1e-3


def test_a_small_image_keeps_its_pixels():
    maps = np.random.default_rng(0).random((1, 9, 12)).astype(np.float16)
    (small,) = small_maps(maps, [(7, 7)], LARGEST)
    np.testing.assert_array_equal(
        small.cells, np.rint(maps[0].astype(np.float32) * 255).astype(np.uint8)
    )
    assert fitting(9, 12, 56) == (9, 12)
    assert fitting(1000, 10, 50) == (50, 1)


def test_a_page_never_grows_past_its_room():
    sides = [largest_grid(count) for count in (0, 1, 100, 5_000, 12_000, 40_000, 10**9)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] == LARGEST
    assert sides[-1] == SMALLEST
    for count, side in ((12_000, largest_grid(12_000)), (40_000, largest_grid(40_000))):
        assert count * side**2 <= ROOM < count * (side + 1) ** 2


def test_a_peak_is_the_first_maximum_and_a_flat_map_has_none():
    saliency = np.zeros((4, 8), dtype=np.float16)
    assert peak(saliency) is None
    saliency[1, 2] = saliency[3, 7] = 1
    assert peak(saliency) == (2.5 / 8, 1.5 / 4)
