"""A plain folder of images, with a table of classes and boxes if there is one.

A table is the one *.csv or *.json file in the folder. Without one, subfolders are classes, numbered by
name as torchvision's ImageFolder does, an empty one too; without those, nothing is known of the images,
and each is explained for its predicted class. With `classes.txt`, a name a line, a class is its line,
from 0, and may be named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED, Box, Example
from xaibench.api.pictures import Size
from xaibench_datasets.coco import Instances
from xaibench_datasets.files import (
    box_of,
    ids_of,
    inside,
    number_in,
    pictures_in,
    read_csv,
    read_json,
    read_text,
    readable,
    unusable,
)

NAMES = "classes.txt"
EDGES = ("x0", "y0", "x1", "y1")  # x1 and y1 are outside
ClassOf = Callable[[str, str], int]  # from a class as it is written, and where, to its number


@dataclass
class FileAnnotation:
    """What a table tells of one image and class."""

    label: str = ""
    boxes: list[Box] = field(default_factory=list)
    stored: bool = False
    size: Size | None = None


Table = dict[Path, dict[int, FileAnnotation]]


def folder(root: Path) -> list[Example]:
    """The images at any depth, by their paths.

    Args:
        root: the folder.

    Raises:
        DataError: there are no images, several tables, or a record that cannot be read.
    """
    files = [file for file in pictures_in(root, "**/*") if file.is_file() and not hidden(file, root)]
    table = table_of(root)
    if table is None:
        table = of_subfolders(root, files)
    files += sorted(table.keys() - {*files})  # the table's, though not there: their rows say so
    if not files:
        raise DataError(f"{root} has no images")
    names = ids_of([file.relative_to(root).as_posix() for file in files])
    return [
        example
        for name, file in zip(names, files, strict=True)
        for example in examples_of(name, file, table.get(file, {}))
    ]


def hidden(file: Path, root: Path) -> bool:
    """Whether it is in a folder such as .thumbnails or __MACOSX."""
    return any(part.startswith((".", "__MACOSX")) for part in file.relative_to(root).parts)


def examples_of(name: str, file: Path, annotations: dict[int, FileAnnotation]) -> list[Example]:
    """One image's examples; one that nothing is told of has no label."""
    if readable(file.name) != file.name:
        return [unusable(name, f"the name of {name} is no UTF-8; rename the file")]
    return [
        Example(name, file, target, one.label, tuple(one.boxes), stored=one.stored, size=one.size)
        for target, one in (annotations or {UNLABELLED: FileAnnotation()}).items()
    ]


def table_of(root: Path) -> Table | None:
    """What the folder's table tells, if there is one.

    Raises:
        DataError: there are several.
    """
    tables = sorted((*root.glob("*.csv"), *root.glob("*.json")))
    if len(tables) > 1:
        raise DataError(
            f"{root} has several tables: {', '.join(table.name for table in tables)}; keep one"
        )
    if not tables:
        return None
    class_of = numbering(root / NAMES)
    read = of_csv if tables[0].suffix == ".csv" else of_coco
    return read(root, tables[0], class_of)


def numbering(path: Path) -> ClassOf:
    """From a class as it is written to its number: a line of classes.txt, or the number itself."""
    names = [line.strip() for line in read_text(path).splitlines()] if path.is_file() else []
    index = {name: k for k, name in enumerate(names) if name}

    def class_of(written: str, where: str) -> int:
        if written in index:
            return index[written]
        number = number_in(written)
        if number is None:
            raise DataError(
                f"{where}: {written!r} is neither the number of a class nor a line of {path.name}"
            )
        return number

    return class_of


def of_csv(root: Path, path: Path, class_of: ClassOf) -> Table:
    """A box a row: file, class, and, if it likes, label, x0, y0, x1, y1 in pixels of the upright image.

    Raises:
        DataError: names the line that cannot be read.
    """
    table: Table = {}
    for where, row in read_csv(path, ("file", "class")):
        file = inside(root, row["file"], where)
        target = class_of(row["class"].strip(), where)
        label = row.get("label") or ("" if row["class"].strip().isdecimal() else row["class"].strip())
        annotation = table.setdefault(file, {}).setdefault(target, FileAnnotation(label))
        edges = [(row.get(edge) or "").strip() for edge in EDGES]
        if any(edges):
            annotation.boxes.append(box_of(edges, where))
    return table


def of_coco(root: Path, path: Path, class_of: ClassOf) -> Table:
    """COCO's form. A category is that line of classes.txt, or else its id is the class's number.

    Raises:
        DataError: names the record that cannot be read.
    """
    instances = read_json(path, Instances)
    names = {category.id: category.name for category in instances.categories}
    images = {image.id: image for image in instances.images}
    by_name = (root / NAMES).is_file()
    table: Table = {}
    for number, one in enumerate(instances.annotations):
        where = f"{path}, annotation {one.id if one.id >= 0 else f'number {number}'}"
        if one.category_id not in names:
            raise DataError(f"{where}: category {one.category_id} is not in the file's list")
        if one.image_id not in images or one.iscrowd:
            continue
        image, label = images[one.image_id], names[one.category_id]
        file = inside(root, image.file_name, f"{path}, image {image.id}")
        target = class_of(label if by_name else str(one.category_id), where)
        unseen = FileAnnotation(label, stored=True, size=(image.width, image.height))
        x, y, width, height = one.bbox
        box = (x, y, x + max(0.0, width), y + max(0.0, height))
        table.setdefault(file, {}).setdefault(target, unseen).boxes.append(box)
    return table


def of_subfolders(root: Path, files: Sequence[Path]) -> Table:
    """The class of each image by the folder it is in; nothing where images lie in `root` itself."""
    if any(file.parent == root for file in files):
        return {}
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and not hidden(path, root))
    listed = (root / NAMES).is_file()
    class_of = numbering(root / NAMES)
    index = {name: class_of(name, str(root / name)) if listed else k for k, name in enumerate(folders)}
    first = {file: file.relative_to(root).parts[0] for file in files}
    return {file: {index[name]: FileAnnotation(readable(name))} for file, name in first.items()}
