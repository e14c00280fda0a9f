"""From a data set's examples to the batches that the benchmark works on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from xaibench.api.errors import DataError
from xaibench.api.pictures import (
    Box,
    Mask,
    Measured,
    Opened,
    Size,
    open_picture,
    rgb,
    turned_box,
    turned_mask,
)
from xaibench.api.region import Region
from xaibench.api.types import Images, Targets

__all__ = ["UNLABELLED", "Batch", "Box", "Example", "Preprocess", "Region", "seed_of"]


UNLABELLED = -1  # target of an image whose class the data set does not know


@dataclass(frozen=True)
class Example:
    """An image, the class asked about, and where that class is, if the data set knows.

    Nothing is decoded until asked, and then in several threads at once: the functions given here draw
    from no shared generator, and write to nothing that they share. `id` names the image;
    (`id`, `target`) is unique in a data set, so an image with several annotated classes is several
    examples with one id.

    Args:
        id: stable name of the image within its data set; never a path of the machine.
        image: a file, or a function that makes the picture.
        target: index of the annotated class in the data set's label space; `UNLABELLED` where the data
            set knows of none: the predicted class is asked about, and where it is is not known.
        label: that class's name, for people.
        boxes: where the class is, in pixels of the original image; or a function that reads them.
        mask: a function that makes the exact mask, (height, width) of bool, in original pixels.
        targets: classes of the model that are all the annotated one, such as ImageNet's breeds for
            "dog"; the one of them with the highest logit is asked about in place of `target`. Those of
            two examples of one image have none in common.
        stored: boxes and mask were drawn on the picture as stored, and are turned upright with it where
            EXIF says so. One whose size is only that of the upright picture was drawn on that.
        size: (width, height) of the picture that the boxes were drawn on, where that was written down.
    """

    id: str
    image: Path | Callable[[], Image.Image]
    target: int
    label: str = ""
    boxes: tuple[Box, ...] | Callable[[], tuple[Box, ...]] = ()
    mask: Callable[[], Mask] | None = None
    targets: tuple[int, ...] = ()
    stored: bool = False
    size: Size | None = None

    def open(self) -> Image.Image:
        """The picture in RGB, turned upright by its EXIF orientation; raises as `read` does."""
        return self.read().picture

    def read(self) -> Opened:
        """The picture, and how it was turned.

        Raises:
            DataError: the file is missing, truncated or no image; the message names it.
        """
        try:
            if not isinstance(self.image, Path):
                return Opened(rgb(self.image()))
            return open_picture(self.image)
        except Exception as error:  # Pillow raises a dozen kinds; all mean this file is unusable
            if not isinstance(self.image, Path):
                raise
            raise DataError(
                f"image {self.id!r} cannot be read from {self.image}: {error}; "
                "replace the file or leave it out"
            ) from error

    def where(self, opened: Opened | Measured) -> "tuple[tuple[Box, ...], Mask | None]":
        """Boxes and mask in pixels of the upright picture.

        Raises:
            DataError: they were drawn on a picture of another size.
        """
        boxes = self.boxes() if callable(self.boxes) else self.boxes
        if self.stored and boxes and self.drawn_as_stored(opened, self.size or opened.stored, "box"):
            boxes = tuple(turned_box(box, opened.orientation, opened.stored) for box in boxes)
        mask = None if self.mask is None else self.mask()
        if mask is not None:
            drawn_on = (mask.shape[1], mask.shape[0])
            if self.drawn_as_stored(opened, drawn_on, "mask") and self.stored:
                mask = turned_mask(mask, opened.orientation)
        return boxes, mask

    def drawn_as_stored(self, opened: Opened | Measured, size: Size, what: str) -> bool:
        """Whether boxes or mask drawn on a picture of `size` were drawn before that was turned."""
        fitting = (opened.stored, opened.size) if self.stored else (opened.size,)
        if size not in fitting:
            raise DataError(
                f"the {what} of image {self.id!r}, class {self.target}, is for {size[0]} x {size[1]} "
                f"pixels (width x height); the image has {fitting[0][0]} x {fitting[0][1]}"
            )
        return size == opened.stored


@dataclass(frozen=True)
class Preprocess:
    """How a network wants its images.

    The whole image is squashed onto the input by default, so that no box is cut. With `crop`, the
    centre of it is taken that timm's evaluation would: the shorter side times `crop`.

    Args:
        size: (height, width) of the network's input.
        mean: of each colour, subtracted after pixels are scaled to [0, 1].
        std: of each colour, divided by.
        interpolation: a name of `PIL.Image.Resampling`, in lower case.
        crop: share of the shorter side that is seen, in (0, 1]; None: the whole image, squashed.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop: float | None = None

    def frame(self, width: int, height: int) -> Box:
        """The part of a width x height image that the network sees, in its pixels."""
        if self.crop is None:
            return (0.0, 0.0, float(width), float(height))
        scale = self.crop * min(width / self.size[1], height / self.size[0])
        half_width, half_height = scale * self.size[1] / 2, scale * self.size[0] / 2
        x, y = width / 2, height / 2
        return (x - half_width, y - half_height, x + half_width, y + half_height)

    def image(self, picture: Image.Image) -> Tensor:
        """Normalised (3, height, width), float32."""
        return self.tensor(self.resized(picture))

    def resized(self, picture: Image.Image) -> Tensor:
        """What the network sees of the picture, in its size: (height, width, 3) of uint8."""
        resample = Image.Resampling[self.interpolation.upper()]
        framed = picture.resize(self.size[::-1], resample, box=self.frame(*picture.size))
        return torch.from_numpy(np.array(framed))

    def tensor(self, resized: Tensor) -> Tensor:
        """(height, width, 3) of uint8, normalised: (3, height, width), float32."""
        return self.normalised(resized.float().permute(2, 0, 1) / 255)

    def normalised(self, colours: Tensor) -> Tensor:
        """Colours in [0, 1], (..., 3, H, W), as the network wants them."""
        return (colours - _column(self.mean).to(colours)) / _column(self.std).to(colours)

    def colours(self, images: Tensor) -> Tensor:
        """Undo the normalisation of (..., 3, H, W): colours in [0, 1], for pictures and for edges."""
        return (images * _column(self.std).to(images) + _column(self.mean).to(images)).clamp(0, 1)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


@dataclass(frozen=True)
class Batch:
    """Trials: images, each with the class to explain and, where known, where that class is.

    Args:
        ids: name of each image; an image asked about twice stands here twice.
        images: (B, 3, H, W), preprocessed, on the device.
        targets: (B,), the class each is explained for.
        seeds: one an image, from the run's seed and the image's name: what is random depends on
            neither order nor batch.
        regions: where each target class is in the original image.
        preprocess: how the images were made.
        predicted: (B,), the class with the highest logit of each, where the network was asked.
    """

    ids: tuple[str, ...]
    images: Images
    targets: Targets
    seeds: tuple[int, ...] = ()
    regions: tuple[Region, ...] = ()
    preprocess: Preprocess | None = None
    predicted: Targets | None = None

    def select(self, rows: Sequence[int]) -> "Batch":
        """The trials in `rows`, in that order."""
        index = torch.tensor(rows, dtype=torch.long, device=self.images.device)
        return Batch(
            ids=tuple(self.ids[i] for i in rows),
            images=self.images[index],
            targets=self.targets[index],
            seeds=tuple(self.seeds[i] for i in rows) if self.seeds else (),
            regions=tuple(self.regions[i] for i in rows) if self.regions else (),
            preprocess=self.preprocess,
            predicted=None if self.predicted is None else self.predicted[index],
        )

    def generators(self, purpose: str) -> list[torch.Generator]:
        """A random generator for each image, the same in every batch that holds it.

        Args:
            purpose: what it is for, so that two methods do not draw the same numbers.
        """
        seeds = self.seeds or (0,) * len(self.ids)
        return [
            torch.Generator().manual_seed(seed_of(seed, purpose, name))
            for seed, name in zip(seeds, self.ids, strict=True)
        ]


def seed_of(*parts: object) -> int:
    """A seed below 2**63 that depends on `parts` alone: not on process, order or machine."""
    digest = sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
