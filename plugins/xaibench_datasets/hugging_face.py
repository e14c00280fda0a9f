"""Images and labels of a Hugging Face `datasets` folder; nothing is downloaded, no script is run.

The folder is one that `save_to_disk` wrote, or one of Parquet files. Boxes are not read: data sets
agree neither on their column nor on their form.
"""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED, Example
from xaibench.api.pictures import open_picture
from xaibench_datasets.files import refuse

SPLITS = ("validation", "test", "train")


def hugging_face(root: Path) -> list[Example]:
    """Every row of the validation split, else of the test or the train split.

    Args:
        root: the folder.

    Raises:
        DataError: `datasets` is not installed, the folder is none of its own, or has no images.
    """
    try:
        from datasets import ClassLabel, Dataset, DatasetDict, load_from_disk
        from datasets import Image as ImageColumn
    except ImportError as error:
        raise DataError("hf:PATH needs datasets; pip install 'xaibench[hf]'") from error
    try:
        files = parquet_files(root)
        rows: Any = Dataset.from_parquet(files) if files else load_from_disk(str(root))
    except Exception as error:  # whatever the library raises, the folder is unusable
        refuse(root, error)
    if isinstance(rows, DatasetDict):
        rows = next((rows[split] for split in SPLITS if split in rows), None)
    columns = rows.features if rows is not None else {}
    images = [name for name, column in columns.items() if isinstance(column, ImageColumn)]
    labels = [name for name, column in columns.items() if isinstance(column, ClassLabel)]
    if not images:
        raise DataError(f"{root} has no column of images; found {', '.join(columns) or 'no split'}")
    rows = rows.cast_column(images[0], ImageColumn(decode=False))
    targets = rows[labels[0]][:] if labels else [UNLABELLED] * len(rows)
    names = columns[labels[0]].names if labels else []
    return [
        Example(
            id=f"row-{i:06}",
            image=partial(picture, rows, images[0], i),
            target=UNLABELLED if target is None else target,
            label="" if target in (None, UNLABELLED) or not names else names[target],
        )
        for i, target in enumerate(targets)
    ]


def parquet_files(root: Path) -> list[str]:
    """The Parquet files of the first of the splits that has its own, by name; else all."""
    files = sorted(root.rglob("*.parquet"))
    of_splits = ([str(f) for f in files if f.name.startswith(split)] for split in SPLITS)
    return next(filter(None, of_splits), [*map(str, files)])


def picture(rows: Any, column: str, number: int) -> Image.Image:
    """The picture of a row; only what the row holds itself, never a file that it names."""
    content = (rows[number][column] or {}).get("bytes")
    if content is None:
        raise DataError(f"row {number}: its {column!r} holds no picture, or only a path to one")
    try:
        return open_picture(BytesIO(content)).picture
    except Exception as error:  # Pillow raises a dozen kinds; all mean this picture is unusable
        raise DataError(f"row {number}: its {column!r} cannot be read: {error}") from error
