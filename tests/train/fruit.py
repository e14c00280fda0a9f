"""Images that a small network learns in two epochs: a red, green or blue square on noise."""

import numpy as np
import torch
from PIL import Image

from xaibench.api.batch import Example
from xaibench.train.samples import samples_of

SIDE, COLOURS = 16, ("red", "green", "blue")


def picture(number: int) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[4:12, 4:12, number % 3] = 255
    return Image.fromarray(pixels)


def mask() -> np.ndarray:
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    inside[4:12, 4:12] = True
    return inside


def examples(count: int = 60) -> list[Example]:
    return [
        Example(f"fruit-{i}", lambda i=i: picture(i), i % 3, COLOURS[i % 3], mask=mask)
        for i in range(count)
    ]


def fruit(root=None, count: int = 60, seed: int = 0) -> list[Example]:
    """As a data set's function: those of another seed are other images."""
    return [
        Example(f"{seed}-{i}", lambda i=i: picture(1000 * seed + 3 * i + i % 3), i % 3, mask=mask)
        for i in range(count)
    ]


def samples(count: int = 60, **settings):
    torch.set_num_threads(1)
    return samples_of(examples(count), SIDE, **settings)
