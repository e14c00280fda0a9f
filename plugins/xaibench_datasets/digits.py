"""Handwritten digits out of scikit-learn: E. Alpaydin and C. Kaynak, 1998, UCI, CC BY 4.0.

1,797 images of 8 x 8 cells, each the number of ink pixels, 0 to 16, in a 4 x 4 block of the scan. They
are drawn white on black, as MNIST's are. Where a digit is, nobody has annotated.
"""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from xaibench.api.batch import Example

INK = 16  # of a cell that is full


def digits(root: Path | None = None) -> list[Example]:
    """All of them, in their order.

    Args:
        root: none; they are in an installed package.
    """
    bundle = load_digits()
    return [
        Example(id=f"{number:04}", image=partial(drawn, cells), target=int(label), label=str(label))
        for number, (cells, label) in enumerate(zip(bundle.images, bundle.target, strict=True))
    ]


def drawn(cells: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Image.Image:
    """(8, 8) of ink to a picture of as many pixels."""
    return Image.fromarray((cells * (255 / INK)).round().astype(np.uint8)).convert("RGB")
