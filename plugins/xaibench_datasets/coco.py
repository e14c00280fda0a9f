"""COCO's instances. Lin et al. 2014, arXiv:1405.0312; trials as the pointing game's, arXiv:1608.00507.

One trial an image and category that is on it; the mask is the union of its instances', as the
official API, pycocotools, draws them. A crowd (`iscrowd`) is no object, as in that API's evaluation,
which ignores it: a category of which an image has a crowd alone is not asked about. `crowds=True`
counts them, as TorchRay does.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench.api.pictures import Mask
from xaibench_datasets.coco_masks import mask_of
from xaibench_datasets.files import ids_of, inside, is_there, read_json
from xaibench_datasets.mapping import Asked, numbered

# COCO's own numbers of its 80 categories, of which 11 of 91 were never used.
CATEGORIES = {
    **dict(enumerate(("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train"), 1)),
    **dict(enumerate(("truck", "boat", "traffic light", "fire hydrant"), 8)),
    **dict(enumerate(("stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse"), 13)),
    **dict(enumerate(("sheep", "cow", "elephant", "bear", "zebra", "giraffe"), 20)),
    **dict(enumerate(("backpack", "umbrella"), 27)),
    **dict(enumerate(("handbag", "tie", "suitcase", "frisbee", "skis", "snowboard"), 31)),
    **dict(enumerate(("sports ball", "kite", "baseball bat", "baseball glove", "skateboard"), 37)),
    **dict(enumerate(("surfboard", "tennis racket", "bottle"), 42)),
    **dict(enumerate(("wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana"), 46)),
    **dict(enumerate(("apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza"), 53)),
    **dict(enumerate(("donut", "cake", "chair", "couch", "potted plant", "bed"), 60)),
    **{67: "dining table", 70: "toilet"},
    **dict(enumerate(("tv", "laptop", "mouse", "remote", "keyboard", "cell phone"), 72)),
    **dict(enumerate(("microwave", "oven", "toaster", "sink", "refrigerator"), 78)),
    **dict(enumerate(("book", "clock", "vase", "scissors", "teddy bear", "hair drier"), 84)),
    90: "toothbrush",
}
USUAL = ("instances_val2017.json", "instances_val2014.json")
SMALL = 1 / 4  # of the image, in the pointing game's difficult subset


class Picture(msgspec.Struct):
    """A record of `images`."""

    id: int
    file_name: str
    width: int
    height: int


class Category(msgspec.Struct):
    """A record of `categories`."""

    id: int
    name: str


class Annotation(msgspec.Struct):
    """A record of `annotations`; its segmentation is read when it is drawn."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    id: int = -1
    area: float | None = None
    iscrowd: int = 0
    segmentation: msgspec.Raw = msgspec.Raw(b"[]")


class Instances(msgspec.Struct):
    """An annotation file."""

    images: list[Picture]
    annotations: list[Annotation]
    categories: list[Category]


def coco(root: Path, crowds: bool = False, difficult: bool = False, classes: str = "") -> list[Example]:
    """Images and the categories on them.

    Args:
        root: the folder with annotations/instances_val2017.json and val2017, or the JSON file.
        crowds: a crowd is a part of its category's mask.
        difficult: only the pointing game's difficult subset: the category's instances are together
            smaller than a quarter of the image, and there is another category.
        classes: "imagenet-1k": classes of ImageNet in place of the eighty.

    Raises:
        DataError: a file is missing or wrong; names the record.
    """
    path = annotations_of(root)
    instances = read_json(path, Instances)
    for category in instances.categories:
        if CATEGORIES.get(category.id) != category.name:
            raise DataError(
                f"{path}: category {category.id}, {category.name!r}, is none of COCO's 80; a file of "
                "other categories is read by folder:PATH"
            )
    numbers = numbered("coco", (*CATEGORIES.values(),), classes)
    annotations = by_image(instances, path)
    folder = images_of(path, instances.images)
    files = [inside(folder, p.file_name, f"{path}, image {p.id}") for p in instances.images]
    names = ids_of([picture.file_name for picture in instances.images])
    return [
        example
        for name, file, picture in zip(names, files, instances.images, strict=True)
        for example in examples_of(
            name,
            file,
            picture,
            trials_of(annotations.get(picture.id, ()), picture, crowds, difficult),
            numbers,
            path,
        )
    ]


def annotations_of(root: Path) -> Path:
    """The annotation file.

    Raises:
        DataError: there is none, or several of which none is the usual one.
    """
    if root.is_file():
        return root
    folder = root / "annotations" if (root / "annotations").is_dir() else root
    files = sorted(path.name for path in folder.glob("instances*.json"))
    usual = [name for name in USUAL if name in files] or files
    if usual and (usual != files or len(files) == 1):
        return folder / usual[0]
    several = f"several, of which one must be named: {', '.join(files)}" if files else "none"
    raise DataError(f"{folder} should have an annotation file such as {USUAL[0]}; found {several}")


def images_of(path: Path, images: Sequence[Picture]) -> Path:
    """The folder of the images of an annotation file: the first that has one of the first hundred."""
    home = path.parent.parent if path.parent.name == "annotations" else path.parent
    split = path.stem.removeprefix("instances_")
    folders = [home / split, home / "images" / split, home / "images", home]
    first = [picture.file_name for picture in images[:100]]
    for folder in folders:
        if any(is_there(folder / name) for name in first):
            return folder
    return folders[0]


def by_image(instances: Instances, path: Path) -> Mapping[int, Sequence[Annotation]]:
    """The annotations of each image; those of images that are not listed are left, as the API does.

    Raises:
        DataError: one is of no listed category.
    """
    categories = {category.id for category in instances.categories}
    annotations: dict[int, list[Annotation]] = {}
    for number, annotation in enumerate(instances.annotations):
        where = f"{path}, annotation {annotation.id if annotation.id >= 0 else f'number {number}'}"
        if annotation.category_id not in categories:
            raise DataError(f"{where}: category {annotation.category_id} is not in the file's list")
        annotations.setdefault(annotation.image_id, []).append(annotation)
    return annotations


def trials_of(
    annotations: Sequence[Annotation], picture: Picture, crowds: bool, difficult: bool
) -> dict[str, list[Annotation]]:
    """The annotations of each category that is asked about, in the order of COCO's categories."""
    counted: dict[int, list[Annotation]] = {}
    for annotation in annotations:
        if crowds or not annotation.iscrowd:
            counted.setdefault(annotation.category_id, []).append(annotation)
    present = {annotation.category_id for annotation in annotations}
    small = SMALL * picture.width * picture.height
    return {
        name: counted[category]
        for category, name in CATEGORIES.items()
        if category in counted
        and (not difficult or (len(present) > 1 and sum(map(area, counted[category])) < small))
    }


def area(annotation: Annotation) -> float:
    """What the file says is its area; else its box's."""
    return annotation.bbox[2] * annotation.bbox[3] if annotation.area is None else annotation.area


def examples_of(
    name: str,
    file: Path,
    picture: Picture,
    trials: Mapping[str, Sequence[Annotation]],
    numbers: Mapping[str, Asked],
    path: Path,
) -> list[Example]:
    """One image's examples; a category of no class in the label space is left out."""
    return [
        Example(
            id=name,
            image=file,
            target=numbers[label].target,
            label=label,
            boxes=tuple(
                (x, y, x + max(0.0, width), y + max(0.0, height))
                for x, y, width, height in (annotation.bbox for annotation in annotations)
            ),
            mask=partial(union, annotations, picture, path) if drawn(annotations) else None,
            targets=numbers[label].targets,
            stored=True,
            size=(picture.width, picture.height),
        )
        for label, annotations in trials.items()
        if label in numbers
    ]


def drawn(annotations: Sequence[Annotation]) -> bool:
    """Whether every instance has a segmentation; where one has none, the boxes say where they are."""
    return all(bytes(annotation.segmentation) not in (b"[]", b"null") for annotation in annotations)


def union(annotations: Sequence[Annotation], picture: Picture, path: Path) -> Mask:
    """Where any of the instances is, (height, width).

    Raises:
        DataError: names the annotation whose segmentation cannot be drawn.
    """
    covered: Mask = np.zeros((picture.height, picture.width), dtype=bool)
    for annotation in annotations:
        where = f"{path}, annotation {annotation.id}"
        covered |= mask_of(annotation.segmentation, (picture.width, picture.height), where)
    return covered
