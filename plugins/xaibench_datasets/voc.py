"""Pascal VOC. Everingham et al. 2010 and 2015; trials as the pointing game's, arXiv:1608.00507.

One trial an image and class. A class all of whose boxes are marked difficult is not asked about; where
one is not, all its boxes count. Boxes are written from 1 with their last pixel: from 11 to 20 are ten.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from xaibench.api import DataError
from xaibench.api.batch import Box, Example
from xaibench.api.pictures import Size
from xaibench_datasets.files import (
    box_of,
    field,
    inside,
    is_there,
    number_in,
    read_text,
    read_xml,
    readable,
    unusable,
)
from xaibench_datasets.mapping import Asked, numbered

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
SMALL = 1 / 4  # of the image, in the pointing game's difficult subset


def voc(root: Path, split: str = "", difficult: bool = False, classes: str = "") -> list[Example]:
    """Images and the classes on them.

    Args:
        root: a folder with JPEGImages and Annotations, such as VOCdevkit/VOC2007, or one above that
            has one such.
        split: a list in ImageSets/Main; by default test where its images are annotated, else val; where
            there is no list, all images.
        difficult: only the pointing game's difficult subset: the class's boxes are together smaller
            than a quarter of the image, and there is another class.
        classes: "imagenet-1k": classes of ImageNet in place of the twenty.

    Raises:
        DataError: there is no such folder, more than one, or no such list.
    """
    home = home_of(root)
    numbers = numbered("voc", CLASSES, classes)
    examples = []
    for name in names_of(home, split):
        try:
            examples += examples_of(home, name, numbers, difficult)
        except DataError as error:
            examples.append(unusable(readable(name), error))
    return examples


def home_of(root: Path) -> Path:
    """The one folder at or below `root` that has images and annotations.

    Raises:
        DataError: there is none, or there are several.
    """
    folders = [root, *sorted(root.glob("VOC*")), *sorted(root.glob("VOCdevkit/VOC*"))]
    homes = [folder for folder in folders if (folder / "Annotations").is_dir()]
    if not homes:
        raise DataError(f"{root} has no folder with JPEGImages and Annotations, nor have the VOC* in it")
    if len(homes) > 1:
        raise DataError(f"{root} has {', '.join(home.name for home in homes)}; name one of them")
    return homes[0]


def names_of(home: Path, split: str) -> list[str]:
    """The images of a list, by name.

    Raises:
        DataError: there is no such list.
    """
    lists = home / "ImageSets" / "Main"
    if split:
        return read_text(lists / f"{split}.txt").split()
    for usual in ("test", "val"):
        if (lists / f"{usual}.txt").is_file():
            names = read_text(lists / f"{usual}.txt").split()
            if any(is_there(home / "Annotations" / f"{Path(name).name}.xml") for name in names):
                return names
    return sorted(file.stem for file in home.glob("Annotations/*.xml"))


def examples_of(home: Path, name: str, numbers: Mapping[str, Asked], difficult: bool) -> list[Example]:
    """The classes of one image.

    Raises:
        DataError: its annotation is missing or wrong; names the object.
    """
    path = inside(home / "Annotations", f"{name}.xml", f"a list in {home / 'ImageSets'}")
    root = read_xml(path)
    size = size_of(root, path)
    boxes: dict[str, list[Box]] = {}
    easy = set()
    for number, one in enumerate(root.findall("object"), start=1):
        where = f"{path}, object {number}"
        label = field(one, "name", where)
        if label not in CLASSES:
            raise DataError(f"{where}: {label!r} is none of Pascal VOC's classes")
        boxes.setdefault(label, []).append(box_in(one, where))
        if (one.findtext("difficult") or "0").strip() != "1":
            easy.add(label)
    file = home / "JPEGImages" / f"{name}.jpg"
    if not is_there(file) and root.findtext("filename"):
        file = inside(home / "JPEGImages", field(root, "filename", str(path)), str(path))
    return [
        Example(
            id=readable(name),
            image=file,
            target=numbers[label].target,
            label=label,
            boxes=tuple(boxes[label]),
            targets=numbers[label].targets,
            stored=True,
            size=size,
        )
        for label in CLASSES
        if label in easy and label in numbers and (not difficult or is_difficult(boxes, label, size))
    ]


def size_of(root: Element, path: Path) -> Size | None:
    """(width, height) that the annotation says the image has; None where it says 0 or nothing."""
    if root.find("size") is None:
        return None
    sides = [field(root, f"size/{side}", str(path)) for side in ("width", "height")]
    width, height = map(number_in, sides)
    if width is None or height is None:
        raise DataError(f"{path}: expected a size in pixels, found {' x '.join(map(repr, sides))}")
    return (width, height) if width and height else None


def box_in(one: Element, where: str) -> Box:
    """An object's box; that of a part of it, such as a head, is none of its own."""
    edges = (field(one, f"bndbox/{edge}", where) for edge in ("xmin", "ymin", "xmax", "ymax"))
    x0, y0, x1, y1 = box_of(edges, where)
    return (x0 - 1, y0 - 1, x1, y1)


def is_difficult(boxes: dict[str, list[Box]], label: str, size: Size | None) -> bool:
    """Whether a class is small, all its boxes together, and there is another."""
    if size is None:
        return False
    return len(boxes) > 1 and area(boxes[label]) < SMALL * size[0] * size[1]


def area(boxes: Sequence[Box]) -> float:
    """Of all boxes together, in pixels; what two of them share counts twice."""
    return sum(max(0, x1 - x0) * max(0, y1 - y0) for x0, y0, x1, y1 in boxes)
