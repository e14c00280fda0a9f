"""From a data set's examples to the batches that the benchmark works on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from xaibench.api.errors import DataError
from xaibench.api.types import Images, Targets

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels; x1 and y1 are outside


@dataclass(frozen=True)
class Example:
    """An image, the class asked about, and where that class is, if the data set knows.

    Nothing is decoded until asked. `id` names the image; (`id`, `target`) is unique in a data set,
    so an image with several annotated classes is several examples with one id.

    Args:
        id: stable name of the image within its data set; never a path of the machine.
        image: a file, or a function that makes the picture.
        target: index of the annotated class in the data set's label space.
        label: that class's name, for people.
        boxes: where the class is, in pixels of the original image.
        mask: a function that makes the exact mask, (height, width) of bool, in original pixels.
    """

    id: str
    image: Path | Callable[[], Image.Image]
    target: int
    label: str = ""
    boxes: tuple[Box, ...] = ()
    mask: Callable[[], "np.ndarray[tuple[int, int], np.dtype[np.bool_]]"] | None = None

    def open(self) -> Image.Image:
        """The picture in RGB, turned upright by its EXIF orientation.

        Raises:
            DataError: the file is missing, truncated or no image; the message names it.
        """
        if not isinstance(self.image, Path):
            return self.image().convert("RGB")
        try:
            with Image.open(self.image) as picture:
                return ImageOps.exif_transpose(picture).convert("RGB")
        except Exception as error:  # Pillow raises a dozen kinds; all mean this file is unusable
            raise DataError(
                f"image {self.id!r} cannot be read from {self.image}: {error}; "
                "replace the file or leave it out"
            ) from error


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
        resample = Image.Resampling[self.interpolation.upper()]
        seen = picture.resize(self.size[::-1], resample, box=self.frame(*picture.size))
        colours = torch.from_numpy(np.array(seen, dtype=np.float32)).permute(2, 0, 1) / 255
        return self.normalised(colours)

    def normalised(self, colours: Tensor) -> Tensor:
        """Colours in [0, 1], (..., 3, H, W), as the network wants them."""
        return (colours - _column(self.mean).to(colours)) / _column(self.std).to(colours)

    def colours(self, images: Tensor) -> Tensor:
        """Undo the normalisation of (..., 3, H, W): colours in [0, 1], for pictures and for edges."""
        return (images * _column(self.std).to(images) + _column(self.mean).to(images)).clamp(0, 1)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


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
    """

    ids: tuple[str, ...]
    images: Images
    targets: Targets
    seeds: tuple[int, ...] = ()
    regions: tuple[Region, ...] = ()
    preprocess: Preprocess | None = None

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
