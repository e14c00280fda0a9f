"""CIFAR-10 and CIFAR-100's test images. Krizhevsky 2009, Learning multiple layers of features.

Both releases are read: the binary one, and the one for Python, which is pickled. A pickle can run
anything when it is loaded, so it is not: its opcodes are walked through, and the literals among them
taken, which in these files are all there is.
"""

import pickletools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench_datasets.files import read_bytes, read_text, refuse

SIDE = 32
PIXELS = 3 * SIDE * SIDE
INTEGERS = ("BININT", "BININT1", "BININT2", "INT", "LONG1", "LONG")

Images = np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]  # (n, 3, SIDE, SIDE)


@dataclass(frozen=True)
class Release:
    """How one of them is shipped: as plain bytes, or pickled.

    Args:
        name: of the data set.
        folders: what its releases unpack to.
        binary, classes: files of the test images and of the class names.
        labels: bytes of labels before each image; the last one counts.
        pickled, meta: the same two files of the pickled release.
        label_key, class_key: the keys of labels and names in them.
    """

    name: str
    folders: tuple[str, ...]
    binary: str
    classes: str
    labels: int
    pickled: str
    meta: str
    label_key: str
    class_key: str


CIFAR10 = Release(
    name="cifar-10",
    folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
    binary="test_batch.bin",
    classes="batches.meta.txt",
    labels=1,
    pickled="test_batch",
    meta="batches.meta",
    label_key="labels",
    class_key="label_names",
)
CIFAR100 = Release(
    name="cifar-100",
    folders=("cifar-100-binary", "cifar-100-python"),
    binary="test.bin",
    classes="fine_label_names.txt",
    labels=2,
    pickled="test",
    meta="meta",
    label_key="fine_labels",
    class_key="fine_label_names",
)


def cifar10(root: Path) -> list[Example]:
    """The 10,000 test images of CIFAR-10; arguments and errors as `shipped`."""
    return shipped(root, CIFAR10)


def cifar100(root: Path) -> list[Example]:
    """The 10,000 test images of CIFAR-100, with their fine labels; arguments and errors as `shipped`."""
    return shipped(root, CIFAR100)


def shipped(root: Path, release: Release) -> list[Example]:
    """The test images of a release.

    Args:
        root: one of its folders, or the folder that has one of them.
        release: which.

    Raises:
        DataError: neither of its files is there, or it is damaged.
    """
    for folder in (root, *(root / name for name in release.folders)):
        if (folder / release.binary).is_file():
            images, labels = of_binary(folder / release.binary, release.labels)
            return examples(release.name, images, labels, lines(folder / release.classes))
        if (folder / release.pickled).is_file():
            images, labels = of_pickle(folder / release.pickled, release.label_key)
            classes = names(folder / release.meta, release.class_key)
            return examples(release.name, images, labels, classes)
    raise DataError(
        f"{root} has neither {release.binary} nor {release.pickled} of {release.name.upper()}"
    )


def examples(data: str, images: Images, labels: Sequence[int], classes: Sequence[str]) -> list[Example]:
    """An example an image."""
    return [
        Example(
            f"{data}-test-{i:05}",
            partial(picture, images, i),
            label,
            classes[label] if label < len(classes) else "",
        )
        for i, label in enumerate(labels)
    ]


def picture(images: Images, number: int) -> Image.Image:
    """One image."""
    return Image.fromarray(np.ascontiguousarray(images[number].transpose(1, 2, 0)))


def of_binary(path: Path, labels: int) -> tuple[Images, list[int]]:
    """Records of some bytes of labels, of which the last counts, and the pixels.

    Raises:
        DataError: the file is not a whole number of records.
    """
    content, record = np.frombuffer(read_bytes(path), np.uint8), labels + PIXELS
    if not len(content) or len(content) % record:
        raise DataError(f"{path} has {len(content)} bytes; expected records of {record}")
    records = content.reshape(-1, record)
    return records[:, labels:].reshape(-1, 3, SIDE, SIDE), records[:, labels - 1].tolist()


def of_pickle(path: Path, key: str) -> tuple[Images, list[int]]:
    """The pixels and the labels under `key` of a pickled batch, which is not unpickled.

    Raises:
        DataError: it is no such batch.
    """
    labels: list[int] = []
    pixels = b""
    for under, value in literals(path, (key, "data")):
        if under == key and isinstance(value, int):
            labels.append(value)
        elif under == "data" and isinstance(value, bytes) and len(value) > len(pixels):
            pixels = value
    if not labels or len(pixels) != len(labels) * PIXELS or min(labels) < 0:
        raise DataError(
            f"{path} has {len(labels)} {key} and {len(pixels)} bytes of pixels; expected "
            f"{PIXELS} a label"
        )
    return np.frombuffer(pixels, np.uint8).reshape(-1, 3, SIDE, SIDE), labels


def names(path: Path, key: str) -> list[str]:
    """The names under `key` of a pickled dictionary, not unpickled; none where there is no file."""
    if not path.is_file():
        return []
    stored = literals(path, (key,))
    return [
        value.decode("latin-1") for under, value in stored if under == key and isinstance(value, bytes)
    ]


def literals(path: Path, keys: Sequence[str]) -> Iterator[tuple[str, bytes | int]]:
    """Each whole number and string in a pickle, with the last of the strings before it that is a key.

    A string that ends a key's values is one of the keys that these files have, so that what is under
    another is not taken for it. Nothing is called or built.

    Raises:
        DataError: it is no pickle.
    """
    others = {"batch_label", "data", "labels", "fine_labels", "coarse_labels", "filenames"}
    others |= {"label_names", "fine_label_names", "coarse_label_names", "num_cases_per_batch", "num_vis"}
    under = ""
    try:
        for opcode, argument, _ in pickletools.genops(read_bytes(path)):
            if opcode.name in INTEGERS and isinstance(argument, int):
                yield under, argument
            elif isinstance(argument, str | bytes) and opcode.name not in ("GLOBAL", "PUT", "GET"):
                value = (
                    argument if isinstance(argument, bytes) else argument.encode("latin-1", "replace")
                )
                name = value.decode("latin-1") if len(value) < 32 else ""
                if name in others:
                    under = name if name in keys else ""
                else:
                    yield under, value
    except ValueError as error:
        refuse(path, error)


def lines(path: Path) -> list[str]:
    """The names in a text file, one a line; none where there is no file."""
    return read_text(path).split("\n") if path.is_file() else []
