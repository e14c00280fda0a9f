"""Small releases in the genuine formats, written by the tests that read them."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

VOC_OBJECT = (
    "<object><name>{0}</name><pose>Left</pose><truncated>0</truncated><difficult>{1}</difficult>"
    "<bndbox><xmin>{2}</xmin><ymin>{3}</ymin><xmax>{4}</xmax><ymax>{5}</ymax></bndbox>{6}</object>"
)


def pixels(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def photograph(path: Path, width: int = 40, height: int = 30, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(width, height)).save(path, **options)
    return path


def orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def instances(root: Path, images, annotations, categories=None, split="val2017") -> Path:
    """COCO: images are (id, file name, width, height), annotations dictionaries."""
    said = {
        "info": {"year": 2017},
        "licenses": [],
        "images": [
            {"id": i, "file_name": name, "width": width, "height": height, "license": 1}
            for i, name, width, height in images
        ],
        "annotations": [
            {"id": number, "iscrowd": 0, "area": 1.5, "bbox": [0, 0, 4, 4], "segmentation": [], **one}
            for number, one in enumerate(annotations, start=900)
        ],
        "categories": categories
        or [
            {"supercategory": "animal", "id": 17, "name": "cat"},
            {"supercategory": "animal", "id": 18, "name": "dog"},
            {"supercategory": "person", "id": 1, "name": "person"},
        ],
    }
    path = write(root / "annotations" / f"instances_{split}.json", json.dumps(said, ensure_ascii=False))
    (root / split).mkdir(exist_ok=True)
    return path


def voc_xml(objects, width=40, height=30, filename="000001.jpg") -> str:
    """Pascal VOC: objects are (name, difficult, xmin, ymin, xmax, ymax[, parts])."""
    inner = "".join(VOC_OBJECT.format(*one, *[""] * (7 - len(one))) for one in objects)
    return (
        f"<annotation><folder>VOC2007</folder><filename>{filename}</filename>"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        f"<segmented>0</segmented>{inner}</annotation>"
    )


ADE_TABLE = (
    "Idx\tRatio\tTrain\tVal\tStuff\tName\n"
    "1\t0.15\t11664\t1172\t1\twall\n3\t0.08\t8450\t796\t1\tsky, heaven\n"
)
ADE_SCENES = "ADE_train_00000001 airport_terminal\nADE_val_00000001 bedroom\nADE_val_00000003 abbey\n"
WALL, SKY = 1, 3  # of scene parsing
FULL_WALL, FULL_SKY = 255, 2978  # of the full release


def ade_numbers() -> np.ndarray:
    """(30, 40): scene parsing's class of each pixel."""
    found = np.zeros((30, 40), dtype=np.uint8)
    found[:10] = WALL
    found[20:, 5:9] = SKY
    return found


def ade_colours() -> np.ndarray:
    """(30, 40, 3): the same classes, as the full release has them."""
    numbers = ade_numbers()
    classes = np.where(numbers == SKY, FULL_SKY, np.where(numbers == WALL, FULL_WALL, 0))
    return np.stack([classes // 256 * 10, classes % 256, numbers], 2).astype(np.uint8)


def ade_items() -> bytes:
    """An image's JSON; some of the release's files are in Latin-1."""
    items = [
        {"id": 0, "name": "sky", "name_ndx": FULL_SKY, "parts": {"part_level": 0}},
        {"id": 1, "name": "wall", "name_ndx": FULL_WALL, "parts": {"part_level": 0}},
        {"id": 2, "name": "wall", "name_ndx": FULL_WALL, "parts": {"part_level": 0}},
        {"id": 3, "name": "door", "name_ndx": 9, "parts": {"part_level": 1}},
        {"id": 4, "name": "-", "name_ndx": 0, "parts": {"part_level": 0}},
    ]
    said = {"annotation": {"filename": "x", "object": items, "scene": ["urban", "café"]}}
    return json.dumps(said, ensure_ascii=False).encode("latin-1")


def png(pixels: np.ndarray) -> bytes:
    """A picture of just these."""
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()
