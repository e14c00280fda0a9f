"""The contract of data sets."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageFile

from xaibench.api.batch import UNLABELLED, Example
from xaibench.api.specs import Dataset
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.plan import dataset_at
from xaibench.testing.common.contract import (
    IS_LOADED,
    Broken,
    Contract,
    NotAsked,
    Verdict,
    check,
    known_words,
)

MOST = 12  # examples that are opened
THREADS = 4
SLACK = 1.0  # pixels that a box may reach beyond its image: annotations are rounded

OF_DATASETS = Contract()


@dataclass(frozen=True)
class DatasetSubject:
    """A data set under trial.

    Args:
        spec: the data set.
        root: its folder, where it takes one.
    """

    spec: Dataset
    root: Path | None = None

    @property
    def title(self) -> str:
        """For people."""
        return f"data set {self.spec.name!r}"

    def load(self) -> None:
        """Import it, and ask for its examples."""
        if self.root is None and self.spec.folder == "required":
            raise NotAsked(
                f"it needs its folder: check_dataset('{self.spec.name}', root=...) or "
                f"`--xaibench-data {self.spec.name}:PATH`"
            )
        self.spec.load()

    @cached_property
    def _trial(self) -> "DatasetTrial":
        return DatasetTrial(self.spec, self.root)

    def trials(self) -> "Iterator[tuple[str, DatasetTrial]]":
        """One: the data set."""
        yield "", self._trial


@dataclass(frozen=True)
class DatasetTrial:
    """A data set, and what it offers."""

    spec: Dataset
    root: Path | None

    def offered(self) -> Any:
        """What its function returns."""
        load = self.spec.load()
        return load() if self.root is None else load(self.root)

    @cached_property
    def examples(self) -> Sequence[Example]:
        """As offered, asked once."""
        offered: Sequence[Example] = self.offered()
        return offered

    @cached_property
    def some(self) -> list[Example]:
        """Some of them, from all over."""
        count = len(self.examples)
        return [self.examples[i] for i in sorted({i * count // MOST for i in range(MOST)})]


def check_dataset(
    dataset: Dataset | str, root: str | Path | None = None, *, only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Try the whole contract on a data set.

    Args:
        dataset: a spec, or the name of an installed one, NAME or NAME:PATH.
        root: its folder, where it takes one.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such data set, or no such clause.
    """
    folder = Path(root) if root is not None else None
    if isinstance(dataset, str):
        if ":" in dataset:
            dataset, _, folder = dataset_at(installed(), dataset)
        else:
            dataset = installed().dataset(dataset)
    return check(DatasetSubject(dataset, folder), CONTRACT, only)


@contextmanager
def decoded() -> Iterator[list[str]]:
    """What is decoded inside, or made of numbers, by Pillow."""
    calls: list[str] = []

    def noting(name: str, real: Any) -> Any:
        def call(*args: Any, **settings: Any) -> Any:
            calls.append(name)
            return real(*args, **settings)

        return call

    with ExitStack() as stack:
        places: list[tuple[Any, str]] = [(ImageFile.ImageFile, "load")]
        places += [(Image, name) for name in ("fromarray", "frombytes", "frombuffer", "new")]
        for home, name in places:
            stack.enter_context(patch.object(home, name, noting(name, getattr(home, name))))
        yield calls


@OF_DATASETS.clause(
    "nothing-decoded", "ImageNet would be read whole before its first image is explained."
)
def nothing_decoded(trial: DatasetTrial) -> None:
    """Asking for the examples opens no picture."""
    with decoded() as calls:
        trial.offered()
    if calls:
        raise Broken(
            "no picture until it is asked for: `Example.image` is a file or a function",
            f"{len(calls)} made by {', '.join(sorted(set(calls)))} while examples were listed",
        )


@OF_DATASETS.clause("examples", "an example is what a run is made of.", essential=True)
def examples(trial: DatasetTrial) -> None:
    """A sequence of Examples, each with a name and a class."""
    known_words("`folder`", (trial.spec.folder,), ("required", "optional", "none"))
    offered: Any = trial.examples
    if not isinstance(offered, Sequence) or not offered:
        raise Broken("a sequence of at least one Example", f"{type(offered).__name__} {offered!r:.60}")
    for example in offered:
        if not isinstance(example, Example):
            raise Broken("Examples", f"{type(example).__name__} {example!r:.60}")
        if not isinstance(example.id, str) or not example.id:
            raise Broken("an id in words", repr(example.id))
        if Path(example.id).is_absolute():
            raise Broken("an id that is no path of this machine", repr(example.id))
        if not isinstance(example.target, int) or example.target < UNLABELLED:
            raise Broken(f"a class's index, or {UNLABELLED}", f"{example.target!r} of {example.id!r}")


@OF_DATASETS.clause("ids-unique", "rows are known by image and class; of two alike, one is lost.")
def ids_unique(trial: DatasetTrial) -> None:
    """(id, target) once each."""
    counts = Counter((example.id, example.target) for example in trial.examples)
    (name, target), times = counts.most_common(1)[0]
    if times > 1:
        raise Broken("each pair of id and target once", f"{name!r}, class {target}, {times} times")


@OF_DATASETS.clause("opens", "a picture that cannot be read is a failed row.", essential=True)
def opens(trial: DatasetTrial) -> None:
    """Pictures open, in RGB."""
    for example in trial.some:
        picture = example.open()
        if picture.mode != "RGB" or min(picture.size) < 1:
            raise Broken("a picture in RGB", f"{picture.mode}, {picture.size}, of {example.id!r}")


@OF_DATASETS.clause("one-picture-an-id", "an image with several classes is decoded and forwarded once.")
def one_picture_an_id(trial: DatasetTrial) -> None:
    """Examples of one id show one picture."""
    pictures: dict[str, bytes] = {}
    names = {example.id for example in trial.some}
    for example in trial.examples:
        if example.id in names:
            picture = example.open().tobytes()
            if pictures.setdefault(example.id, picture) != picture:
                raise Broken("one picture for all classes of an id", f"two for {example.id!r}")


@OF_DATASETS.clause(
    "regions-inside", "a box beyond its image is of another image, or of another size.", essential=True
)
def regions_inside(trial: DatasetTrial) -> None:
    """Boxes and masks lie in their pictures; none is empty."""
    for example in trial.some:
        opened = example.read()
        boxes, mask = example.where(opened)
        width, height = opened.picture.size
        for x0, y0, x1, y1 in boxes:
            inside = -SLACK <= x0 < x1 <= width + SLACK and -SLACK <= y0 < y1 <= height + SLACK
            if not inside:
                raise Broken(
                    f"a box (x0, y0, x1, y1) within {width} x {height} pixels",
                    f"{(x0, y0, x1, y1)} of {example.id!r}",
                )
        if mask is None:
            continue
        if mask.shape != (height, width) or mask.dtype != np.bool_:
            raise Broken(
                f"a mask of bool, {(height, width)}", f"{mask.dtype} {mask.shape} of {example.id!r}"
            )
        if not mask.any():
            raise Broken("a mask with a pixel in it, or none", f"an empty one of {example.id!r}")


@OF_DATASETS.clause("any-order", "images are decoded by several threads at once.", essential=True)
def any_order(trial: DatasetTrial) -> None:
    """Opened backwards, by several threads, they are the same."""
    plain = [content(example) for example in trial.some]
    with ThreadPoolExecutor(THREADS) as pool:
        backwards = list(pool.map(content, reversed(trial.some)))
    for example, one, other in zip(trial.some, plain, reversed(backwards), strict=True):
        if one != other:
            raise Broken(
                "the same picture, boxes and mask in any order and thread", f"{example.id!r} differs"
            )


@OF_DATASETS.clause("loaded-twice", "a run that goes on tomorrow must meet the same images.")
def loaded_twice(trial: DatasetTrial) -> None:
    """Loaded again, it has the same examples in the same order, with the same pictures."""
    again = trial.offered()
    first, second = ([(e.id, e.target, e.label) for e in offered] for offered in (trial.examples, again))
    if first != second:
        pairs = zip(first, second, strict=False)
        unlike = next((pair for pair in pairs if pair[0] != pair[1]), (len(first), len(second)))
        raise Broken("the same examples when it is loaded again", f"{unlike[0]} and then {unlike[1]}")
    wanted = {(example.id, example.target) for example in trial.some}
    others = [example for example in again if (example.id, example.target) in wanted]
    for one, other in zip(trial.some, others, strict=False):
        if content(one) != content(other):
            raise Broken(
                "the same picture, boxes and mask when it is loaded again", f"{one.id!r} differs"
            )


@OF_DATASETS.clause("mask-of-its-own", "who is given a mask may write to it.")
def mask_of_its_own(trial: DatasetTrial) -> None:
    """Writing to a mask changes no later one; a mask that cannot be written to will do."""
    masked = [example for example in trial.some if example.mask is not None]
    if not masked:
        raise NotAsked("none of its examples has a mask")
    for example in masked:
        assert example.mask is not None
        before = example.mask().copy()
        given = example.mask()
        if given.flags.writeable:
            given[:] = ~given
        if not np.array_equal(example.mask(), before):
            raise Broken("a mask of its own for who asks", f"one that is shared, of {example.id!r}")


def content(example: Example) -> tuple[object, ...]:
    """The picture, the boxes and the mask, to be compared."""
    opened = example.read()
    boxes, mask = example.where(opened)
    drawn = b"" if mask is None else mask.tobytes()
    return (opened.picture.size, opened.picture.tobytes(), boxes, drawn)


CONTRACT = (IS_LOADED, *OF_DATASETS)
