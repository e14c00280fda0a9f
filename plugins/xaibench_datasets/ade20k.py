"""ADE20K. Zhou et al. 2017 and 2019, arXiv:1608.05442.

The scene-parsing release (ADEChallengeData2016) has 150 classes, the full release (ADE20K_2021_17_01)
thousands. One trial an image and class on it, its mask that class's pixels; or, for scenes, one trial
an image, whose class is its scene.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench.api.pictures import Mask
from xaibench_datasets.files import (
    number_in,
    parse_json,
    pictures_in,
    read_bytes,
    read_text,
    readable,
    unusable,
)

PARSING = ("", "ADEChallengeData2016")
FULL = ("", "ADE20K_2021_17_01")
MOST = 25 * 256 + 255  # the largest number of a class that a `_seg.png` can say


class Item(msgspec.Struct):
    """An object, or a part of one."""

    name: str
    name_ndx: Annotated[int, msgspec.Meta(ge=0, le=MOST)]
    parts: dict[str, object] = {}


class Annotation(msgspec.Struct):
    """What is read of an image's JSON file."""

    object: list[Item]
    scene: list[str] = []


class Content(msgspec.Struct):
    """An image's JSON file."""

    annotation: Annotation


def ade20k(root: Path) -> list[Example]:
    """The 150 classes of scene parsing on the validation images.

    Args:
        root: ADEChallengeData2016, or the folder that has it.

    Raises:
        DataError: images or the list of classes are missing.
    """
    home = home_of(root, PARSING, "images/validation/*.jpg", "scene parsing")
    names = class_names(home / "objectInfo150.txt")
    examples = []
    for file in pictures_in(home / "images" / "validation"):
        path = home / "annotations" / "validation" / f"{file.stem}.png"
        try:
            present = np.flatnonzero(np.bincount(numbers_in(path).ravel(), minlength=1)).tolist()
            examples += [
                Example(
                    id=readable(file.stem),
                    image=file,
                    target=number - 1,
                    label=names[number],
                    mask=partial(mask_of, path, number),
                    stored=True,
                )
                for number in present
                if checked(number, names, path)
            ]
        except DataError as error:
            examples.append(unusable(readable(file.stem), error))
    return examples


def ade20k_scenes(root: Path) -> list[Example]:
    """The scene of each validation image; classes are the names in sceneCategories.txt, sorted.

    Args:
        root: ADEChallengeData2016, or the folder that has it.

    Raises:
        DataError: images or the list of scenes are missing.
    """
    home = home_of(root, PARSING, "images/validation/*.jpg", "scene parsing")
    path = home / "sceneCategories.txt"
    scene = dict(
        line.split(maxsplit=1) for line in read_text(path).splitlines() if len(line.split()) > 1
    )
    index = {name: k for k, name in enumerate(sorted({*scene.values()}))}
    return [
        Example(readable(file.stem), file, index[scene[file.stem]], scene[file.stem])
        if file.stem in scene
        else unusable(readable(file.stem), f"{path} does not say which scene {file.stem} is")
        for file in pictures_in(home / "images" / "validation")
    ]


def ade20k_full(root: Path) -> list[Example]:
    """All classes of the full release on its validation images, numbered as `name_ndx`, from 0.

    Args:
        root: ADE20K_2021_17_01, or the folder that has it.

    Raises:
        DataError: there are no images.
    """
    home = home_of(root, FULL, "images/ADE/validation/*/*/*.jpg", "the full release")
    examples = []
    for file in pictures_in(home / "images" / "ADE" / "validation", "*/*/*.jpg"):
        try:
            items = {item.name_ndx: item for item in read_items(file.with_suffix(".json"))}
            items.pop(0, None)  # 0 is where no object is
        except DataError as error:
            examples.append(unusable(readable(file.stem), error))
            continue
        examples += [
            Example(
                id=readable(file.stem),
                image=file,
                target=number - 1,
                label=items[number].name,
                mask=partial(mask_of_colours, file.with_name(f"{file.stem}_seg.png"), number),
                stored=True,
            )
            for number in sorted(items)
        ]
    return examples


def home_of(root: Path, names: tuple[str, ...], pattern: str, release: str) -> Path:
    """The folder of a release, which has some images.

    Raises:
        DataError: there is none.
    """
    for name in names:
        if any((root / name).glob(pattern)):
            return root / name
    raise DataError(f"{root} has no {pattern} of ADE20K, {release}")


def class_names(path: Path) -> dict[int, str]:
    """Names by number, from 1, of a table with tabs between its columns, the last of them the name.

    Raises:
        DataError: names the line that is of another form.
    """
    names = {}
    for number, line in enumerate(read_text(path).splitlines()[1:], start=2):
        words = [word.strip() for word in line.split("\t")]
        if line.strip():
            index = number_in(words[0])
            if len(words) < 2 or index is None:
                raise DataError(f"{path}, line {number}: expected a number and a name, found {line!r}")
            names[index] = words[-1].split(";")[0].split(",")[0]
    return names


def checked(number: int, names: dict[int, str], path: Path) -> bool:
    """Whether it is a class; 0 is all else.

    Raises:
        DataError: it is no class and not 0.
    """
    if number and number not in names:
        raise DataError(f"{path} has pixels of class {number}; objectInfo150.txt has no such class")
    return number != 0


def read_items(path: Path) -> list[Item]:
    """The whole objects of an image; a part's pixels are its object's in the map of classes.

    Raises:
        DataError: the file cannot be read.
    """
    content = read_bytes(path)
    try:
        content.decode()
    except UnicodeDecodeError:  # some of the release's files are in Latin-1
        content = content.decode("latin-1").encode()
    parsed: Content = parse_json(content, Content, str(path))
    return [item for item in parsed.annotation.object if not item.parts.get("part_level")]


def numbers_in(path: Path) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """(height, width): the class of each pixel.

    Raises:
        DataError: the file cannot be read, or is not a picture of numbers.
    """
    picture = opened(path)
    if picture.mode not in ("L", "P"):
        raise DataError(f"{path} is a picture of mode {picture.mode}; expected numbers of 8 bits")
    return np.asarray(picture)


def mask_of(path: Path, number: int) -> Mask:
    """Where a class is."""
    mask: Mask = numbers_in(path) == number
    return mask


def mask_of_colours(path: Path, number: int) -> Mask:
    """Where a class is in a `_seg.png`: its number is ten times less in red, its last byte in green."""
    picture = opened(path)
    if picture.mode != "RGB":
        raise DataError(f"{path} is a picture of mode {picture.mode}; expected RGB")
    colours = np.asarray(picture).astype(np.int64)
    mask: Mask = colours[..., 0] // 10 * 256 + colours[..., 1] == number
    return mask


def opened(path: Path) -> Image.Image:
    """A picture as it is stored.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            picture.load()
            return picture
    except Exception as error:  # Pillow raises a dozen kinds; all mean this file is unusable
        raise DataError(f"annotation {path} cannot be read: {error}") from error
