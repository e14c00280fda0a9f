"""How the classes of a data set are numbered: in its own way, or as classes of another label space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from xaibench.api import DataError
from xaibench_datasets.files import read_csv

MAPS = Path(str(files("xaibench_datasets"))) / "class_maps"


@dataclass(frozen=True)
class Asked:
    """What is asked about a category.

    Args:
        target: its class; the first, where several are.
        targets: all classes that it is, in a label space in which a category is several.
    """

    target: int
    targets: tuple[int, ...] = ()


def numbered(data: str, categories: Sequence[str], classes: str = "") -> Mapping[str, Asked]:
    """What is asked about each category; one that has no class is left out.

    Args:
        data: the data set's name in the tables' names.
        categories: its own, in order.
        classes: a label space there is a table for, such as "imagenet-1k"; empty: its own.

    Raises:
        DataError: there is no such table.
    """
    if not classes:
        return {category: Asked(k) for k, category in enumerate(categories)}
    path = MAPS / f"{data}_to_{classes.partition('-')[0]}.csv"
    if not path.is_file():
        raise DataError(f"there is no table from the classes of {data} to those of {classes!r}")
    numbers: dict[str, list[int]] = {}
    for _, row in read_csv(path, ("category", "index")):
        numbers.setdefault(row["category"], []).append(int(row["index"]))
    return {category: Asked(indices[0], tuple(indices)) for category, indices in numbers.items()}
