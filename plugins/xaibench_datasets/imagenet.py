"""ImageNet-1k's validation images. Russakovsky et al. 2015, arXiv:1409.0575.

Classes are numbered as every network does: synsets by name. The images are in a folder a synset, or all
in one, as released; then their classes are those of the development kit (the file of ground truth and
`meta.mat`), of `LOC_val_solution.csv`, or of the XML files of boxes. Boxes are those of the CSV or XML
files; both end at their last pixel, counted from 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scipy.io import loadmat
from timm.data import ImageNetInfo

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED, Box, Example
from xaibench_datasets.files import (
    box_of,
    first_folder,
    ids_of,
    number_in,
    pictures_in,
    read_csv,
    read_text,
    read_xml,
    readable,
    really_inside,
    refuse,
    unusable,
)

IMAGES = ("", "val", "ILSVRC2012_img_val", "ILSVRC2012_val", "Data/CLS-LOC/val")
BOXES = (
    *(
        "",
        "val",
        "bbox_val",
        "bbox_val/val",
        "bbox/val",
        "ILSVRC2012_bbox_val_v3",
        "ILSVRC2012_bbox_val",
    ),
    *("ILSVRC2012_bbox_val_v3/val", "annotations/val", "Annotations/CLS-LOC/val"),
)
KITS = ("", "data", "devkit/data", "ILSVRC2012_devkit_t12/data", "devkit")
TRUTH, META, SOLUTION = "ILSVRC2012_validation_ground_truth.txt", "meta.mat", "LOC_val_solution.csv"
SYNSET = "n[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"
TO_OUTSIDE = 1  # boxes name their last pixel


@dataclass(frozen=True)
class Known:
    """What is known of one image: its synset, and its boxes or the XML file that has them."""

    synset: str = ""
    boxes: tuple[Box, ...] = ()
    xml: Path | None = None


@dataclass(frozen=True)
class Labels:
    """The thousand synsets: index and name of each."""

    index: Mapping[str, int] = field(default_factory=dict)
    name: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_imagenet(cls) -> "Labels":
        """Of ImageNet-1k, from timm's list."""
        info = ImageNetInfo()
        synsets = info.label_names()
        index = {synset: k for k, synset in enumerate(synsets)}
        return cls(index, {s: info.index_to_description(k).split(",")[0] for s, k in index.items()})


def imagenet(root: Path) -> list[Example]:
    """The images by their number, so that the first are not all of one class.

    Args:
        root: the folder of the images, or one above it, as the archives or Kaggle's copy unpack.

    Raises:
        DataError: there are no images, or nothing says what they show.
    """
    labels = Labels.of_imagenet()
    root = root / "ILSVRC" if (root / "ILSVRC").is_dir() else root
    home = root.parent if root.name == "ILSVRC" else root
    boxes = boxes_of(home, root)
    folder = first_folder(root, IMAGES, lambda folder: any(folder.glob(f"{SYNSET}/*.JPEG")))
    if folder is not None:
        return of_folders(folder, boxes, labels)
    folder = first_folder(root, IMAGES, lambda folder: any(folder.glob("*.JPEG")))
    if folder is None:
        raise DataError(
            f"{root} has neither folders of synsets such as n01440764 with *.JPEG files, nor those "
            f"files themselves; looked into {', '.join(name or 'itself' for name in IMAGES)}"
        )
    return of_flat(folder, classes_of(home, root), boxes, labels)


def of_folders(folder: Path, boxes: Mapping[str, Known], labels: Labels) -> list[Example]:
    """A folder a class; one that is missing or empty shifts no other class."""
    files = pictures_in(folder, f"{SYNSET}/*")
    strangers = {file.parent.name for file in files} - {*labels.index}
    if strangers:
        raise DataError(f"{folder / min(strangers)} is none of ImageNet-1k's thousand synsets")
    files.sort(key=lambda file: (file.stem, file.parent.name))
    names = [readable(file.stem) for file in files]
    if len({*names}) < len(names):
        names = ids_of([f"{file.parent.name}/{file.name}" for file in files])
    return [
        example(name, file, file.parent.name, boxes.get(file.stem, Known()), labels)
        for name, file in zip(names, files, strict=True)
    ]


def of_flat(
    folder: Path, truth: Callable[[int], str] | None, boxes: Mapping[str, Known], labels: Labels
) -> list[Example]:
    """All images in one folder, their classes told elsewhere.

    Args:
        folder: of the images.
        truth: the synset of the image of a number, by the development kit; None: there is none.
        boxes: what else is known of images, by name.
        labels: the thousand synsets.

    Raises:
        DataError: nothing says what the images show.
    """
    if truth is None and not boxes:
        raise DataError(
            f"nothing says what the images in {folder} show; put the development kit's {TRUTH} and "
            f"{META}, or {SOLUTION}, beside them"
        )
    return [flat(file, truth, boxes.get(file.stem, Known()), labels) for file in pictures_in(folder)]


def flat(file: Path, truth: Callable[[int], str] | None, known: Known, labels: Labels) -> Example:
    """One image, its class told elsewhere; of one that nobody tells, a row says so."""
    try:
        synset = truth(number_of(file)) if truth else known.synset or synset_in(known.xml)
        if synset not in labels.index:
            raise DataError(
                f"{file}: its class is {synset!r}, none of ImageNet-1k's thousand synsets"
                if synset
                else f"{file}: neither {SOLUTION} nor an XML file says what it shows"
            )
    except DataError as error:
        return unusable(file.stem, error)
    return example(file.stem, file, synset, known, labels)


def example(name: str, file: Path, synset: str, known: Known, labels: Labels) -> Example:
    """An image whose class is known; its XML file, if any, is read when its boxes are asked for."""
    boxes = known.boxes if known.xml is None else partial(boxes_in, known.xml)
    target = labels.index.get(synset, UNLABELLED)
    return Example(name, file, target, labels.name.get(synset, ""), boxes, stored=True)


def number_of(file: Path) -> int:
    """The number at the end of an image's name, from 1.

    Raises:
        DataError: it has none.
    """
    number = file.stem.rpartition("_")[2]
    if not number.isdecimal():
        raise DataError(f"{file}: expected a name such as ILSVRC2012_val_00000001.JPEG")
    return int(number)


def classes_of(*roots: Path) -> Callable[[int], str] | None:
    """From an image's number to its synset, by the development kit; None where there is none.

    Raises:
        DataError: the kit's files cannot be read, or one of the two is missing.
    """
    folders = [root / kit for root in roots for kit in KITS]
    truth = next((folder / TRUTH for folder in folders if (folder / TRUTH).is_file()), None)
    if truth is None:
        return None
    meta = next((folder / META for folder in folders if (folder / META).is_file()), None)
    if meta is None:
        raise DataError(f"{truth} numbers the classes in the kit's own way; put its {META} beside it")
    synsets = read_meta(meta)
    lines = read_text(truth).split()

    def synset(number: int) -> str:
        line = lines[number - 1] if 0 < number <= len(lines) else ""
        kind = number_in(line)
        if kind is None or kind not in synsets:
            raise DataError(f"{truth}, line {number}: expected the number of a class, found {line!r}")
        return synsets[kind]

    return synset


def read_meta(path: Path) -> dict[int, str]:
    """The development kit's numbers of the synsets.

    Raises:
        DataError: it is no such file.
    """
    try:
        synsets = loadmat(path, squeeze_me=True)["synsets"]
        return {int(one["ILSVRC2012_ID"]): str(one["WNID"]) for one in synsets}
    except Exception as error:  # whatever scipy raises, the file is unusable
        refuse(path, error)


def boxes_of(*roots: Path) -> dict[str, Known]:
    """What CSV or XML files know of images, by the images' names."""
    for root in roots:
        if (root / SOLUTION).is_file():
            return read_solution(root / SOLUTION)
    for root in roots:
        folder = first_folder(root, BOXES, lambda folder: any(folder.glob("*.xml")))
        if folder is not None:
            files = (file for file in folder.glob("*.xml") if really_inside(file, folder))
            return {file.stem: Known(xml=file) for file in files}
    return {}


def read_solution(path: Path) -> dict[str, Known]:
    """Kaggle's form: an image a line, and for each of its boxes the synset and four edges.

    Raises:
        DataError: names the line that is of another form.
    """
    solution = {}
    for where, row in read_csv(path, ("ImageId", "PredictionString")):
        words = row["PredictionString"].split()
        if not words or len(words) % 5:
            raise DataError(f"{where}: expected a synset and four edges a box, found {words}")
        boxes = [outside(box_of(words[k + 1 : k + 5], where)) for k in range(0, len(words), 5)]
        solution[row["ImageId"]] = Known(words[0], tuple(boxes))
    return solution


def boxes_in(path: Path) -> tuple[Box, ...]:
    """The boxes of an XML file.

    Raises:
        DataError: it cannot be read; names the object.
    """
    objects = read_xml(path).findall("object")
    edges = ("xmin", "ymin", "xmax", "ymax")
    return tuple(
        outside(box_of((one.findtext(f"bndbox/{edge}") for edge in edges), f"{path}, object {k}"))
        for k, one in enumerate(objects, start=1)
    )


def synset_in(path: Path | None) -> str:
    """The synset of the first object of an XML file; empty where there is none."""
    return "" if path is None else (read_xml(path).findtext("object/name") or "").strip()


def outside(box: Box) -> Box:
    """From the last pixel of a box to the first one outside."""
    x0, y0, x1, y1 = box
    return (x0, y0, x1 + TO_OUTSIDE, y1 + TO_OUTSIDE)
