"""The batched solver against SciPy's sparse one, pixel by pixel, and what harmonic functions promise."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from literal_imputation import literal
from xaibench_metrics.faithfulness.imputation import (
    Cycle,
    box,
    framed,
    impute,
    neighbours,
    prolong,
    restrict,
    unframed,
)


def masks(height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """Speckle of several densities, a blob and its rest, a stripe, all but a corner, one pixel."""
    noise = torch.rand(height, width, generator=generator)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    blob = (y - height / 3) ** 2 + (x - width / 2) ** 2 < (height / 4) ** 2
    corner, single = torch.ones_like(blob), torch.zeros_like(blob)
    corner[-1, -1] = False
    single[height // 2, 0] = True
    return torch.stack([noise < 0.1, noise < 0.6, noise < 0.95, blob, ~blob, x > 2, corner, single])


@pytest.mark.parametrize("size", [(12, 10), (17, 23), (32, 32), (41, 16), (5, 64), (2, 3)])
def test_agrees_with_a_sparse_direct_solver(size):
    generator = torch.Generator().manual_seed(0)
    removed = masks(*size, generator)
    removed[removed.flatten(1).all(1), 0, 0] = False  # one at least stays
    images = torch.randn(len(removed), 3, *size, dtype=torch.double, generator=generator)
    found = impute(images, removed)
    for image, gone, filled in zip(images, removed, found, strict=True):
        torch.testing.assert_close(filled, literal(image, gone), atol=1e-6, rtol=0)


@pytest.mark.slow
def test_agrees_at_full_size():
    generator = torch.Generator().manual_seed(0)
    removed = masks(224, 224, generator)[[1, 2, 4, 6]]
    images = torch.randn(len(removed), 3, 224, 224, dtype=torch.double, generator=generator)
    for image, gone, filled in zip(images, removed, impute(images, removed), strict=True):
        torch.testing.assert_close(filled, literal(image, gone), atol=1e-6, rtol=0)


def test_single_precision_is_far_below_the_noise_that_is_added():
    generator = torch.Generator().manual_seed(0)
    removed = masks(96, 80, generator)
    images = torch.randn(len(removed), 3, 96, 80, dtype=torch.double, generator=generator)
    found = impute(images.float(), removed)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), impute(images, removed), atol=5e-4, rtol=0)


def test_a_linear_image_comes_back_from_its_border():
    """Linear functions are the mean of their neighbours: removing all but the border loses nothing."""
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(30.0), indexing="ij")
    image = torch.stack([y, x, 2 * y - 3 * x + 1]).double()[None] / 40
    removed = torch.zeros(1, 40, 30, dtype=torch.bool)
    removed[:, 1:-1, 1:-1] = True
    torch.testing.assert_close(impute(image, removed), image, atol=1e-8, rtol=0)


def test_a_single_pixel_that_stays_is_everywhere():
    image = torch.randn(1, 3, 33, 20, dtype=torch.double)
    removed = torch.ones(1, 33, 20, dtype=torch.bool)
    removed[0, 7, 11] = False
    expected = image[:, :, 7:8, 11:12].expand_as(image)
    torch.testing.assert_close(impute(image, removed), expected, atol=1e-7, rtol=0)


def test_what_stays_is_untouched_and_what_goes_is_within_its_range():
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(2, 3, 30, 30, dtype=torch.double, generator=generator)
    removed = torch.rand(2, 30, 30, generator=generator) < 0.8
    found = impute(images, removed)
    kept = ~removed[:, None].expand_as(images)
    assert torch.equal(found[kept], images[kept])
    for filled, image, stays in zip(
        *(each.flatten(0, 1) for each in (found, images, kept)), strict=True
    ):
        assert image[stays].min() - 1e-9 <= filled.min()
        assert filled.max() <= image[stays].max() + 1e-9
    nothing = torch.zeros(2, 30, 30, dtype=torch.bool)
    assert torch.equal(impute(images, nothing), images)


def test_an_image_does_not_depend_on_the_others_in_its_batch():
    generator = torch.Generator().manual_seed(0)
    removed = masks(24, 20, generator)
    images = torch.randn(len(removed), 3, 24, 20, dtype=torch.double, generator=generator)
    together = impute(images, removed)
    alone = torch.cat([impute(images[i : i + 1], removed[i : i + 1]) for i in range(len(images))])
    torch.testing.assert_close(together, alone, atol=1e-13, rtol=0)


def test_the_matrix_is_symmetric_and_coarse_ones_are_its_projections():
    removed = torch.rand(1, 1, 10, 13, generator=torch.Generator().manual_seed(0)) < 0.7
    unknown = framed(removed.double())
    finest, coarse = Cycle.on(unknown).levels[:2]
    units = framed(torch.eye(130).double().view(1, 130, 10, 13)) * unknown
    matrix = unframed(finest.times(units)).flatten(2)[0]
    torch.testing.assert_close(matrix, matrix.T)
    wide = framed(torch.eye(42).double().view(1, 42, 6, 7))
    between = unframed(prolong(wide, unknown.shape[2:]) * unknown).flatten(2)[0]
    torch.testing.assert_close(coarse.dense()[0], between @ matrix @ between.T)


def test_restriction_is_the_transpose_of_interpolation():
    generator = torch.Generator().manual_seed(0)
    for size, half in (((9, 12), (5, 7)), ((10, 11), (6, 6))):
        fine = framed(torch.randn(2, 3, *size, dtype=torch.double, generator=generator))
        coarse = framed(torch.randn(2, 3, *half, dtype=torch.double, generator=generator))
        assert restrict(fine).shape == coarse.shape
        torch.testing.assert_close(
            (restrict(fine) * coarse).sum(), (fine * prolong(coarse, fine.shape[2:])).sum()
        )


@pytest.mark.parametrize("level", [0, 1])
def test_two_smoothing_steps_are_those_of_jacobi(level):
    generator = torch.Generator().manual_seed(0)
    unknown = framed((torch.rand(2, 1, 14, 9, generator=generator) < 0.7).double())
    here = Cycle.on(unknown).levels[level]
    residual = framed(
        torch.randn(2, 3, *unframed(here.unknown).shape[2:], dtype=torch.double, generator=generator)
    )
    residual = residual * here.unknown
    first, left = here.begin(residual)
    torch.testing.assert_close(first, here.inverse * residual)
    torch.testing.assert_close(left, residual - here.times(first))
    found = first + here.unknown * residual.flip(0)
    expected = found + here.inverse * (residual - here.times(found))
    torch.testing.assert_close(here.end(found, residual, first), expected)


def test_neighbours_weigh_two_twelfths_and_one():
    spot = torch.zeros(2, 1, 5, 5, dtype=torch.double)
    spot[0, 0, 2, 2] = 1
    expected = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]]).double()
    found = unframed(neighbours(framed(spot)))
    torch.testing.assert_close(found[0, 0, 1:4, 1:4], expected)
    assert found.sum() == 12  # nothing of it reaches the other image
    corner = unframed(neighbours(framed(torch.ones(1, 1, 5, 5).double())))[0, 0]
    assert (corner[0, 0], corner[2, 2]) == (5, 12)


@pytest.mark.parametrize("at", [(0, 0), (0, 4), (3, 0), (3, 4)])
def test_what_leaves_an_image_arrives_in_no_other_row_and_no_other_image(at):
    spots = torch.zeros(3, 2, 4, 5, dtype=torch.double)
    spots[1, 0, *at] = 1
    found = unframed(box(framed(spots)))
    assert not found[[0, 2]].any()
    assert not found[1, 1].any()
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).double()[None, None]
    torch.testing.assert_close(found[1, :1], F.conv2d(spots[1, :1, None], kernel, padding=1)[0])


def test_an_image_of_which_nothing_stays_is_left_as_it_is():
    images = torch.randn(2, 3, 8, 9, dtype=torch.double)
    removed = torch.ones(2, 8, 9, dtype=torch.bool)
    removed[1, 3] = False
    found = impute(images, removed)
    assert torch.equal(found[0], images[0])
    torch.testing.assert_close(found[1], literal(images[1], removed[1]))
