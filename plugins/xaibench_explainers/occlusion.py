"""Occlusion. Zeiler and Fergus 2014, arXiv:1311.2901."""

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps, Images, Indices
from xaibench.api.variants import Asks, Variants


def occlusion(capture: Capture, window: float = 1 / 7, stride: float = 1 / 28) -> Asks[GridMaps]:
    """Mean drop of the class's probability over the windows that cover a pixel, each set to mean colour.

    In [-1, 1], signed: where the image speaks against the class, hiding it raises the probability.
    The last window of a row or column ends at the image's edge, so that every pixel is covered.

    Args:
        capture: of any classifier.
        window: its side, as a share of the image's: 32 pixels of 224.
        stride: from a window to the next, likewise: 8 pixels of 224.
    """
    images = capture.batch.images
    down, across = (spans(side, window, stride).to(images.device) for side in images.shape[2:])
    columns = len(across)

    def build(row: int, k: Indices) -> Images:
        covered = down[k // columns][:, :, None] & across[k % columns][:, None]
        return images[row].masked_fill(covered[:, None], 0)  # normalised images: 0 is the mean colour

    left = yield Variants(build, count=len(down) * columns, any_class=True)
    whole = capture.logits.softmax(1).gather(1, capture.batch.targets[:, None])
    drops = (whole - left).unflatten(1, (len(down), columns))
    down, across = down.to(drops), across.to(drops)
    total = torch.einsum("bij,ih,jw->bhw", drops, down, across)
    return total / (down.sum(0)[:, None] * across.sum(0))


def spans(side: int, window: float, stride: float) -> Tensor:
    """(n, side) of bool: the pixels that each of n windows covers along a side."""
    width, step = max(1, round(window * side)), max(1, round(stride * side))
    first = torch.tensor(sorted({*range(0, side - width, step), side - width}))[:, None]
    pixels = torch.arange(side)
    return (pixels >= first) & (pixels < first + width)
