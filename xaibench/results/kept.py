"""Files of kept maps: some for the gallery, all at their own resolution for metrics added later."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from sys import float_info
from typing import Annotated, Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from xaibench.api.errors import DataError

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
Cost = Annotated[float, msgspec.Meta(ge=0, le=float_info.max)]  # neither NaN nor infinite
UNREADABLE = (
    *(OSError, SafetensorError, RecursionError),
    *(KeyError, IndexError, TypeError, ValueError, AttributeError),  # JSON of another shape
)


class KeptExplainer(msgspec.Struct):
    """Facts of one explainer beside its maps; `odd` and `remarks` are indexed by row number."""

    key: str
    odd: dict[str, tuple[str, str]]
    remarks: dict[str, str]
    ms: Cost
    forwards: Cost
    backwards: Cost


class NativeMapFacts(msgspec.Struct):
    """The facts in a file of maps at their own resolution."""

    trials: list[tuple[str, int, str]]
    explainers: dict[str, KeptExplainer]


@dataclass(frozen=True)
class KeptMap:
    """The facts of one image of the gallery; coordinates are in pixels of the network's input.

    Args:
        model, dataset, image: names.
        target: name of the class explained.
        predicted: name of the class with the highest logit.
        boxes: of the target class, (x0, y0, x1, y1).
        explainers: the maps in their order.
        target_index: the target as rows name it; -1 in files of before it was kept.
    """

    model: str
    dataset: str
    image: str
    target: str
    predicted: str
    boxes: tuple[tuple[float, float, float, float], ...]
    explainers: tuple[str, ...]
    target_index: int = -1


@dataclass(frozen=True)
class GalleryImage:
    """One image (H, W, 3) of uint8 and its maps (E, H, W) of float16, to be kept for the gallery."""

    kept: KeptMap
    colours: Array
    maps: Array


def kept_bytes(kept: KeptMap, colours: Array, maps: Array) -> bytes:
    """Return the file of one image (H, W, 3) of uint8 and its maps (E, H, W) of float16."""
    facts = {"kept": json.dumps(asdict(kept))}
    tensors = {"colours": colours, "maps": maps}
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata=facts)


def shown_beside(path: Path, shown: GalleryImage) -> bytes:
    """Return the file of an image and its maps, and other explainers' maps that `path` has of it."""
    return kept_bytes(*beside_earlier(path, shown.kept, shown.colours, shown.maps))


def beside_earlier(
    path: Path, kept: KeptMap, colours: Array, maps: Array
) -> tuple[KeptMap, Array, Array]:
    """Return the maps, and other explainers' maps that the file has of the same image and class."""
    if not path.exists():
        return kept, colours, maps
    try:
        before, earlier_colours, earlier = load_kept(path)
    except DataError:
        return kept, colours, maps
    same = replace(before, explainers=kept.explainers) == kept and np.array_equal(
        earlier_colours, colours
    )
    left = [i for i, name in enumerate(before.explainers) if name not in kept.explainers] if same else []
    names = (*kept.explainers, *(before.explainers[i] for i in left))
    return replace(kept, explainers=names), colours, np.concatenate([maps, earlier[left]])


class KeptMaps:
    """The files of one run's gallery, for several readers: the facts of each file are read once.

    Args:
        folder: the results folder.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = tuple(sorted((folder / "maps").glob("*.safetensors")))
        self._held: dict[Path, tuple[KeptMap, Array, Array]] = {}

    @cached_property
    def facts(self) -> dict[Path, KeptMap]:
        """The facts of each file. Raises DataError if a file cannot be read."""
        return {path: kept_facts(path) for path in self.paths}

    def load(self, path: Path, hold: bool = False) -> tuple[KeptMap, Array, Array]:
        """Return what `load_kept` returns of a file.

        Args:
            path: one of `paths`.
            hold: keep it in memory for the next reader, which frees it.

        Raises:
            DataError: the file cannot be read.
        """
        content = self._held.pop(path, None) or load_kept(path)
        if hold:
            self._held[path] = content
        return content


def load_kept(path: Path) -> tuple[KeptMap, Array, Array]:
    """Return a file's facts, its image (H, W, 3) of uint8, and its maps (E, H, W) of float16.

    Raises:
        DataError: the file cannot be read.
    """
    with _opened(path) as (facts, file):
        return facts, file.get_tensor("colours"), file.get_tensor("maps")


def kept_facts(path: Path) -> KeptMap:
    """Return the facts of a file without reading the image and the maps.

    Raises:
        DataError: the file cannot be read.
    """
    with _opened(path) as (facts, _):
        return facts


@contextmanager
def _opened(path: Path) -> Iterator[tuple[KeptMap, Any]]:
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["kept"])
            facts["boxes"] = tuple(tuple(box) for box in facts["boxes"])
            facts["explainers"] = tuple(facts["explainers"])
            yield KeptMap(**facts), file
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; delete it and run again") from error


def native_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a file of maps at their own resolution, checked against its tensors.

    Returns:
        "trials": (image, target, inputs_sha) of each row; "explainers": by name, what `Said` has.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})["maps"])
            msgspec.convert(facts, NativeMapFacts)
            shapes = {name: file.get_slice(name).get_shape() for name in facts["explainers"]}
        facts["trials"] = [(image, target, inputs) for image, target, inputs in facts["trials"]]
        for name, shape in shapes.items():
            if len(shape) != 3 or shape[0] != len(facts["trials"]):
                raise ValueError(f"what it says of {name} is not what it holds")
    except UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read: {error}; delete it, and its maps are made again when they are "
            "asked for"
        ) from error
    return facts
