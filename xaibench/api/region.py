"""Where a class is: in the original image, and in what a network sees of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor

from xaibench.api.pictures import Box


@dataclass(frozen=True)
class Region:
    """Where the target class is, in pixels of the original image.

    Args:
        size: (width, height) of the original image.
        frame: the part of it that the network sees.
        boxes: where the class is; none and no mask: not annotated.
        mask: (height, width) of bool, exact; preferred to the boxes.
    """

    size: tuple[int, int]
    frame: Box
    boxes: tuple[Box, ...] = ()
    mask: Tensor | None = None

    @property
    def known(self) -> bool:
        """Whether the target class is annotated and covers at least a pixel."""
        return bool(self.mask.any()) if self.mask is not None else bool(self.pixels().any())

    @property
    def sha(self) -> str:
        """16 hexadecimal digits that depend on what it holds."""
        content = str((self.size, self.frame, self.boxes)).encode()
        drawn = b"" if self.mask is None else self.mask.cpu().numpy().tobytes()
        return sha256(content + drawn).hexdigest()[:16]

    def pixels(self) -> Tensor:
        """(height, width) of bool: the mask, or else the union of the boxes."""
        if self.mask is not None:
            return self.mask
        width, height = self.size
        covered = torch.zeros(height, width, dtype=torch.bool)
        for x0, y0, x1, y1 in self.boxes:
            left, top = max(0, round(x0)), max(0, round(y0))
            covered[top : max(top, round(y1)), left : max(left, round(x1))] = True
        return covered

    @property
    def boxed(self) -> tuple[Box, ...]:
        """The boxes, or else the extent of the mask."""
        if self.boxes or self.mask is None or not self.mask.any():
            return self.boxes
        ys, xs = self.mask.nonzero(as_tuple=True)
        return ((int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1),)

    def covered(self, size: Sequence[int]) -> Tensor:
        """Share of each pixel of the network's input, (height, width), that the class covers.

        Exact areas, float64, also where a pixel of the network is smaller than one of the image, or
        begins within one. What the network sees beyond the image's border is not covered.
        """
        x0, y0, x1, y1 = self.frame
        rows = _means(self.pixels().double(), y0, y1, size[0])
        # Running sums round at 1e-13 or so: nothing, a half and all are to be met exactly.
        return _means(rows.T, x0, x1, size[1]).T.round(decimals=9).contiguous()

    def seen_boxes(self, size: Sequence[int]) -> tuple[Box, ...]:
        """The boxes, in pixels of the network's input of (height, width), what it does not see cut off.

        Those that it does not see at all are left out.
        """
        left, top, right, bottom = self.frame
        x, y = size[1] / (right - left), size[0] / (bottom - top)
        clipped = [
            (
                max(0.0, (x0 - left) * x),
                max(0.0, (y0 - top) * y),
                min(float(size[1]), (x1 - left) * x),
                min(float(size[0]), (y1 - top) * y),
            )
            for x0, y0, x1, y1 in self.boxed
        ]
        return tuple(box for box in clipped if box[0] < box[2] and box[1] < box[3])


def _means(rows: Tensor, low: float, high: float, count: int) -> Tensor:
    """Means over `count` equal parts of [low, high) of (n, m) rows, row i filling [i, i + 1).

    Beyond the rows there are zeros. Differences of the running sum, which is linear within a row.
    """
    total = torch.cat([rows.new_zeros(1, rows.shape[1]), rows.cumsum(0)])
    part = (high - low) / count
    edges = (low + part * torch.arange(count + 1, dtype=rows.dtype)).clamp(0, len(rows))
    whole = edges.long().clamp(max=len(rows) - 1)
    return torch.lerp(total[whole], total[whole + 1], (edges - whole)[:, None]).diff(dim=0) / part
