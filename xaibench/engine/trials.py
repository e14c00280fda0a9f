"""From examples to trials: which classes of which images are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from xaibench.api.batch import Batch, Example, Preprocess, Region, seed_of
from xaibench.api.errors import DataError
from xaibench.api.types import Images


@dataclass(frozen=True)
class Picture:
    """An image of a data set, decoded, with every class that the data set asks of it.

    Args:
        id: its name in the data set.
        sha: hash of its file, or of its pixels where it is generated.
        pixels: (3, H, W), preprocessed; None where it cannot be read.
        size: (width, height) of the original.
        examples: one a class asked about.
        regions: where each of those classes is.
        error: why it cannot be read.
    """

    id: str
    sha: str
    pixels: Tensor | None
    size: tuple[int, int]
    examples: tuple[Example, ...]
    regions: tuple[Region, ...] = ()
    error: Exception | None = None


@dataclass(frozen=True)
class Trial:
    """A class that one image is asked about.

    Args:
        picture: index of the image.
        target: the class.
        policies: why it is asked: it is "predicted", the "label", or both.
        region: where the class is; nowhere known for a predicted class that is no label.
    """

    picture: int
    target: int
    policies: frozenset[str]
    region: Region


def group(examples: Sequence[Example]) -> list[tuple[Example, ...]]:
    """Examples of the same image together, in the order of their first."""
    grouped: dict[str, list[Example]] = {}
    for example in examples:
        grouped.setdefault(example.id, []).append(example)
    return [tuple(same) for same in grouped.values()]


def decode(examples: tuple[Example, ...], preprocess: Preprocess) -> Picture:
    """Open one image and its masks and preprocess it; what cannot be read is kept with its error."""
    first = examples[0]
    try:
        picture = first.open()
        sha = fingerprint(first.image, picture)
        regions = tuple(region_of(example, picture.size, preprocess) for example in examples)
        return Picture(first.id, sha, preprocess.image(picture), picture.size, examples, regions)
    except Exception as error:  # a file's or a data set plugin's; the rows say which image
        unread = error if isinstance(error, DataError) else DataError(f"image {first.id!r}: {error}")
        return Picture(first.id, "", None, (0, 0), examples, error=unread)


def fingerprint(source: object, picture: Image.Image) -> str:
    """16 hexadecimal digits of the file's bytes, or of the pixels where there is no file."""
    content = source.read_bytes() if isinstance(source, Path) else picture.tobytes()
    return sha256(content).hexdigest()[:16]


def trials_of(
    pictures: Sequence[Picture], predicted: Sequence[int], policies: frozenset[str]
) -> list[Trial]:
    """Each class asked of each image, once, with every reason for asking.

    Args:
        pictures: readable images.
        predicted: the class with the highest logit of each.
        policies: those that some metric wants.
    """
    trials = []
    for i, picture in enumerate(pictures):
        pairs = zip(picture.examples, picture.regions, strict=True)
        known = {example.target: region for example, region in pairs}
        nowhere = replace(picture.regions[0], boxes=(), mask=None)
        for target in dict.fromkeys((predicted[i], *known)):
            reasons = {"predicted"} if target == predicted[i] else set()
            reasons |= {"label"} if target in known else set()
            if reasons & policies:
                region = known.get(target, nowhere)
                trials.append(Trial(i, target, frozenset(reasons & policies), region))
    return trials


def batch_of(
    pictures: Sequence[Picture],
    trials: Sequence[Trial],
    images: Images,
    preprocess: Preprocess,
    seed: int,
    predicted: Sequence[int],
) -> Batch:
    """The trials as a batch, on the device of `images`; `predicted` is of each image."""
    rows = torch.tensor([trial.picture for trial in trials], device=images.device)
    return Batch(
        ids=tuple(pictures[trial.picture].id for trial in trials),
        images=images[rows],
        targets=torch.tensor([trial.target for trial in trials], device=images.device),
        seeds=(seed_of(seed),) * len(trials),
        regions=tuple(trial.region for trial in trials),
        preprocess=preprocess,
        predicted=torch.tensor([predicted[trial.picture] for trial in trials], device=images.device),
    )


def region_of(example: Example, size: tuple[int, int], preprocess: Preprocess) -> Region:
    """Where the example's class is in its image of (width, height).

    Raises:
        DataError: the mask is not of the image's size.
    """
    mask = None if example.mask is None else torch.from_numpy(np.array(example.mask(), dtype=bool))
    if mask is not None and mask.shape != size[::-1]:
        raise DataError(
            f"the mask of image {example.id!r}, class {example.target}, is {tuple(mask.shape)}; "
            f"expected (height, width) of the image, {size[::-1]}"
        )
    return Region(size, preprocess.frame(*size), example.boxes, mask)
