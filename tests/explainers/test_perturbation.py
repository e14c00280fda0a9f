"""Occlusion and RISE against their formulas, window by window and mask by mask."""

from dataclasses import replace
from math import ceil

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from xaibench_explainers.occlusion import occlusion, spans
from xaibench_explainers.rise import rise, smooth

from xaibench.api.capture import Capture
from xaibench.engine.evaluate.stream import Stream, Task


def explain(method, capture: Capture, width: int = 16):
    (answer,) = Stream(capture.classifier.logits, width).drive([Task(method, capture.batch)])
    assert answer.error is None
    return answer.value, answer.forwards


def probability(capture: Capture, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return capture.classifier.logits(image[None]).softmax(1)[0, target]


def each(capture: Capture):
    return zip(capture.batch.images, capture.batch.targets, strict=True)


def test_occlusion_is_the_mean_drop_over_the_windows_that_cover_a_pixel(capture):
    """Windows of 8 x 6 pixels every 3 x 2, the last of each row and column at the edge."""
    found, forwards = explain(occlusion(capture, window=1 / 4, stride=1 / 11), capture)
    tops, lefts = [0, 3, 6, 9, 12, 15, 18, 21, 24], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert forwards == 3 * len(tops) * len(lefts)
    for maps, (image, target) in zip(found, each(capture), strict=True):
        total, covering = torch.zeros(32, 24).double(), torch.zeros(32, 24).double()
        for top in tops:
            for left in lefts:
                hidden = image.clone()
                hidden[:, top : top + 8, left : left + 6] = 0
                drop = probability(capture, image, target) - probability(capture, hidden, target)
                total[top : top + 8, left : left + 6] += drop
                covering[top : top + 8, left : left + 6] += 1
        torch.testing.assert_close(maps, total / covering)


@pytest.mark.parametrize("side", [7, 24, 64, 224, 225, 240])
def test_windows_cover_every_pixel_and_are_as_wide_as_said(side):
    found = spans(side, 1 / 7, 1 / 28)
    assert found.any(0).all()
    assert set(found.sum(1).tolist()) == {round(side / 7)}
    assert len(found) == len(found.unique(dim=0))


def test_the_defaults_are_32_pixels_every_8_on_224():
    found = spans(224, 1 / 7, 1 / 28)
    assert found.shape == (25, 224)
    assert found.float().argmax(1).tolist() == list(range(0, 193, 8))


def drawn(capture: Capture, count: int, cells: int, kept: float, row: int):
    """RISE's masks of one image, one after another, cropped by slices."""
    generator = capture.batch.generators("rise")[row]
    grids = torch.rand(count, cells, cells, generator=generator) < kept
    height, width = ceil(32 / cells), ceil(24 / cells)
    tops = torch.randint(height, (count,), generator=generator)
    lefts = torch.randint(width, (count,), generator=generator)
    size = ((cells + 1) * height, (cells + 1) * width)
    for grid, top, left in zip(grids, tops, lefts, strict=True):
        large = F.interpolate(grid[None, None].double(), size, mode="bilinear")[0, 0]
        yield large[top : top + 32, left : left + 24]


def test_rise_is_the_masks_mean_weighted_by_probability(capture):
    found, forwards = explain(rise(capture, count=70, cells=5, kept=0.3), capture)
    assert forwards == 3 * 70
    for row, (image, target) in enumerate(each(capture)):
        total = sum(
            probability(capture, image * mask, target) * mask for mask in drawn(capture, 70, 5, 0.3, row)
        )
        torch.testing.assert_close(found[row], total / (70 * 0.3))


def test_rise_masks_are_between_0_and_1_and_keep_as_much_as_said():
    generator = torch.Generator().manual_seed(0)
    grids = (torch.rand(4000, 7, 7, generator=generator) < 0.3).double()
    corners = torch.randint(4, (4000, 2), generator=generator)
    masks = smooth(grids, corners, (28, 28))
    assert masks.shape == (4000, 28, 28)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert (masks.mean(0) - 0.3).abs().max() < 0.03


def test_rise_on_a_network_that_ignores_its_image_says_its_probability_everywhere(capture):
    """E[p M] / E[M] = p, as far as so few masks know."""
    for weight in capture.classifier.network.parameters():
        weight.data.zero_()
    found, _ = explain(rise(capture, count=600), capture)
    assert (found - 0.25).abs().mean() < 0.02


def test_every_image_draws_masks_of_its_own_whatever_the_batch(classifier, batch):
    alike = replace(
        batch, images=batch.images[:1].repeat(3, 1, 1, 1), targets=batch.targets[:1].repeat(3)
    )
    together, _ = explain(rise(capture := Capture(classifier, alike), 12), capture)
    assert not torch.allclose(together[0], together[1])
    alone, _ = explain(rise(capture := Capture(classifier, alike.select([1])), 12), capture, width=5)
    torch.testing.assert_close(alone[0], together[1])
