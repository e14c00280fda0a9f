"""RISE. Petsiuk et al. 2018, arXiv:1806.07421."""

import torch
from torch import Generator, Tensor

from xaibench.api.capture import Capture
from xaibench.api.maps import upsample
from xaibench.api.types import GridMaps, Images, Indices, Maps
from xaibench.api.variants import Asks, Variants

AT_ONCE = 64  # masks held at the image's resolution


def rise(capture: Capture, count: int = 4000, cells: int = 7, kept: float = 0.5) -> Asks[GridMaps]:
    """Mean of random smooth masks, weighted by the class's probability under each (eq. 6).

    Every cell has an offset of about the mean probability, which rescaling takes off.

    Args:
        capture: of any classifier.
        count: masks an image; the paper has 4000 for VGG-16, 8000 for ResNet-50.
        cells: of a mask's grid along each side, before it is smoothed.
        kept: probability that a cell lets the image through.
    """
    images = capture.batch.images
    size = (images.shape[2], images.shape[3])
    drawn = [
        tuple(part.to(images.device) for part in draw(generator, count, cells, kept, size))
        for generator in capture.batch.generators("rise")
    ]

    def masks(row: int, k: Indices) -> Maps:
        grids, corners = drawn[row]
        return smooth(grids[k].to(images), corners[k], size)

    def build(row: int, k: Indices) -> Images:
        return images[row] * masks(row, k)[:, None]

    probabilities = yield Variants(build, count, any_class=True)
    maps = images.new_zeros(len(images), *size)
    # In parts, as thousands of masks of an image's size would be gigabytes
    for k in torch.arange(count, device=images.device).split(AT_ONCE):
        for row, curve in enumerate(probabilities):
            maps[row] += torch.einsum("n,nhw->hw", curve[k], masks(row, k))
    return maps / (count * kept)


def draw(
    generator: Generator, count: int, cells: int, kept: float, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Grids, (count, cells, cells) of bool, and the upper left corners of their crops, (count, 2)."""
    grids = torch.rand(count, cells, cells, generator=generator) < kept
    corners = [torch.randint(-(-side // cells), (count,), generator=generator) for side in size]
    return grids, torch.stack(corners, 1)


def smooth(grids: Tensor, corners: Tensor, size: tuple[int, int]) -> Maps:
    """Grids upsampled to one cell more than the image each way, and cropped to it at their corners."""
    cells = grids.shape[1]
    large = upsample(grids, [(cells + 1) * -(-side // cells) for side in size])
    y, x = (corners[:, i, None] + torch.arange(size[i], device=grids.device) for i in (0, 1))
    return large[torch.arange(len(grids), device=grids.device)[:, None, None], y[:, :, None], x[:, None]]
