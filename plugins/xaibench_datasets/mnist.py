"""MNIST and its kin: test images in idx files, gzipped or not. LeCun et al. 1998.

Fashion-MNIST, arXiv:1708.07747; KMNIST, arXiv:1812.01718; EMNIST, arXiv:1702.05373, whose images lie
on their side.
"""

import gzip
import zlib
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench_datasets.files import refuse

Array = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

UNSIGNED_BYTES = 8
MOST = 1 << 30  # bytes that a file may unpack to
DIGITS = (
    "0 zero",
    "1 one",
    "2 two",
    "3 three",
    "4 four",
    "5 five",
    "6 six",
    "7 seven",
    "8 eight",
    "9 nine",
)
NAMES = {
    "MNIST": DIGITS,
    "FashionMNIST": (
        *("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag"),
        "ankle boot",
    ),
    "KMNIST": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "EMNIST": tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
}


def mnist(root: Path, kin: str = "MNIST", prefix: str = "t10k", sideways: bool = False) -> list[Example]:
    """The test images.

    Args:
        root: the folder of the files, or one above it as torchvision makes them.
        kin: which of the family, by torchvision's name.
        prefix: of the files' names.
        sideways: the images are stored transposed.

    Raises:
        DataError: a file is missing or damaged.
    """
    folders = (root, root / "raw", root / kin / "raw", root / kin, root / "gzip")
    images = read_idx(file_in(folders, f"{prefix}-images", "idx3-ubyte"), 3)
    labels = read_idx(file_in(folders, f"{prefix}-labels", "idx1-ubyte"), 1)
    if len(images) != len(labels):
        raise DataError(f"{root} has {len(images)} images and {len(labels)} labels of {kin}")
    if sideways:
        images = images.transpose(0, 2, 1)
    names = NAMES[kin]
    return [
        Example(
            f"{kin.lower()}-test-{i:05}",
            partial(picture, images, i),
            label,
            names[label] if label < len(names) else "",
        )
        for i, label in enumerate(labels.tolist())
    ]


def picture(images: Array, number: int) -> Image.Image:
    """One image."""
    return Image.fromarray(np.ascontiguousarray(images[number]))


def file_in(folders: tuple[Path, ...], name: str, kind: str) -> Path:
    """The file, also as .gz, or with a dot in place of the hyphen as some unpackers name it.

    Raises:
        DataError: it is nowhere.
    """
    for folder in folders:
        for file in (f"{name}-{kind}", f"{name}-{kind}.gz", f"{name}.{kind}"):
            if (folder / file).is_file():
                return folder / file
    raise DataError(f"{folders[0]} has no {name}-{kind}, nor that with .gz")


def read_idx(path: Path, dimensions: int) -> Array:
    """An idx file of unsigned bytes.

    Args:
        path: the file; one that ends in .gz is unpacked.
        dimensions: how many it must have.

    Raises:
        DataError: it is none, or shorter or longer than it says.
    """
    try:
        with path.open("rb") as stored:
            file = gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored
            content = file.read(MOST)
    except (OSError, EOFError, zlib.error) as error:
        refuse(path, error)
    start = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, UNSIGNED_BYTES, dimensions)) or len(content) < start:
        raise DataError(f"{path} is no idx file of bytes in {dimensions} dimensions")
    shape = tuple(np.frombuffer(content, ">u4", dimensions, 4).tolist())
    if len(content) - start != prod(shape):
        raise DataError(
            f"{path} has {len(content) - start} bytes; its head says {' x '.join(map(str, shape))}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
