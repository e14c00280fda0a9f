"""Images of a data set, opened, resized and preprocessed, with the regions of their classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from xaibench.api.batch import Example, Preprocess, Region
from xaibench.api.errors import DataError
from xaibench.api.pictures import Measured, Opened, measure_picture
from xaibench.results.folder import PresentImage
from xaibench.results.keys import content_key


@dataclass(frozen=True)
class Picture:
    """An image of a data set, decoded, with every class that the data set asks of it.

    Args:
        id: its name in the data set.
        sha: hash of its file, or of its pixels where it is generated.
        pixels: (3, H, W), preprocessed; None where it cannot be read, or need not be.
        size: (width, height) of the original.
        examples: one a class asked about.
        regions: where each of those classes is.
        error: why it cannot be read.
        inputs_sha: of all of this: content, what is asked, where that is; "" where it cannot be read.
    """

    id: str
    sha: str
    pixels: Tensor | None
    size: tuple[int, int]
    examples: tuple[Example, ...]
    regions: tuple[Region, ...] = ()
    error: Exception | None = None
    inputs_sha: str = ""


def images_of_examples(examples: Sequence[Example]) -> list[tuple[Example, ...]]:
    """Examples of the same image together, in the order of their first."""
    grouped: dict[str, list[Example]] = {}
    for example in examples:
        grouped.setdefault(example.id, []).append(example)
    return [tuple(same) for same in grouped.values()]


@dataclass(frozen=True)
class ResizedImage:
    """An image as a network of some input size sees it, whatever its mean and std.

    Args:
        sha: `fingerprint` of the image.
        resized: (height, width, 3) of uint8, of the network's input size.
        size: (width, height) of the original.
        regions: where each class asked about is.
    """

    sha: str
    resized: Tensor  # a Pillow picture has four bytes a pixel
    size: tuple[int, int]
    regions: tuple[Region, ...]

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        masks = sum(region.mask.numel() for region in self.regions if region.mask is not None)
        return self.resized.numel() + masks


def open_image(examples: tuple[Example, ...], preprocess: Preprocess) -> ResizedImage:
    """Open one image and its masks, and resize it.

    Raises:
        Exception: a data set plugin's; most are DataError: it cannot be read.
    """
    first = examples[0]
    opened = first.read()
    picture = opened.picture
    sha = fingerprint(first.image, picture)
    refuse_shared_targets(examples)
    regions = tuple(region_of(example, opened, preprocess) for example in examples)
    return ResizedImage(sha, preprocess.resized(picture), picture.size, regions)


def decode(
    examples: tuple[Example, ...],
    preprocess: Preprocess,
    sha: str | None = None,
    open_resized: Callable[[tuple[Example, ...], Preprocess], ResizedImage] = open_image,
) -> Picture:
    """Open one image and its masks and preprocess it; what cannot be read is kept with its error.

    Args:
        examples: all of the image.
        preprocess: how the network wants it.
        sha: what its `fingerprint` must be, where that is known; "": it must not be readable.
        open_resized: opens and resizes it, or has it already.
    """
    first = examples[0]
    try:
        resized = open_resized(examples, preprocess)
        refuse_other_content(first.id, sha, resized.sha)
        pixels = preprocess.tensor(resized.resized)
        inputs = inputs_of(examples, resized.sha, resized.regions)
        return Picture(
            first.id, resized.sha, pixels, resized.size, examples, resized.regions, inputs_sha=inputs
        )
    except Exception as error:  # a file's or a data set plugin's; the rows say which image
        unread = error if isinstance(error, DataError) else DataError(f"image {first.id!r}: {error}")
        return Picture(first.id, "", None, (0, 0), examples, error=unread)


def unchanged_picture(
    examples: tuple[Example, ...], preprocess: Preprocess, sha: str | None, present: PresentImage
) -> Picture | None:
    """The image, not decoded, if it is what its rows say; None: `decode` it.

    Its file is hashed, and the size in its header, its boxes and masks are read. One that is generated
    has no file that could be hashed.

    Args:
        examples: all of the image.
        preprocess: how the network wants it.
        sha: what its `fingerprint` must be, where that is known.
        present: what its rows on disk say.
    """
    first = examples[0]
    if not isinstance(first.image, Path):
        return None
    try:
        content = first.image.read_bytes()
        sha_now = content_digits(content)
        if sha_now != present.image_sha or sha not in (None, sha_now):
            return None
        measured = measure_picture(BytesIO(content))
        regions = tuple(region_of(example, measured, preprocess) for example in examples)
    except Exception:  # a file's or a data set plugin's; `decode` meets it too, and says it
        return None
    inputs = inputs_of(examples, sha_now, regions)
    if inputs != present.inputs_sha:
        return None
    return Picture(first.id, sha_now, None, measured.size, examples, inputs_sha=inputs)


def inputs_of(examples: tuple[Example, ...], sha: str, regions: Sequence[Region]) -> str:
    """What depends on an image's content, on what is asked of it, and on where that is."""
    targets = [(example.target, *example.targets) for example in examples]
    return content_key(examples[0].id, sha, targets, [region.sha for region in regions])


def fingerprint(source: object, picture: Image.Image) -> str:
    """16 hexadecimal digits of the file's bytes, or of the pixels where there is no file."""
    return content_digits(source.read_bytes() if isinstance(source, Path) else picture.tobytes())


def content_digits(content: bytes) -> str:
    """16 hexadecimal digits that depend on it."""
    return sha256(content).hexdigest()[:16]


def refuse_other_content(name: str, wanted: str | None, actual: str) -> None:
    """An image must be the one that the subset means.

    Raises:
        DataError: it is another.
    """
    if wanted is None or wanted == actual:
        return
    if not wanted:
        raise DataError(f"image {name!r} could not be read where the subset was made; here it can")
    raise DataError(
        f"image {name!r} has the hash {actual}, and {wanted} in the subset; it is another file, or was "
        "changed"
    )


def region_of(example: Example, opened: Opened | Measured, preprocess: Preprocess) -> Region:
    """Where the example's class is in its image.

    Raises:
        DataError: boxes or mask were drawn on a picture of another size, or cannot be read.
    """
    boxes, mask = example.where(opened)
    exact = None if mask is None else torch.from_numpy(np.array(mask, dtype=bool))
    return Region(opened.size, preprocess.frame(*opened.size), boxes, exact)


def refuse_shared_targets(examples: Sequence[Example]) -> None:
    """The `targets` of an image's examples must tell which example is meant.

    Raises:
        DataError: a class stands for two of them.
    """
    label_of: dict[int, str] = {}
    for example in examples:
        for target in example.targets:
            if target in label_of:
                raise DataError(
                    f"image {example.id!r} asks for class {target} both as {label_of[target]!r} and as "
                    f"{example.label!r}"
                )
            label_of[target] = example.label
