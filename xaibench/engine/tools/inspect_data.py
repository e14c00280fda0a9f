"""A data set, looked at before anything is run on it: what is in it, and what of it cannot be read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

from PIL import Image

from xaibench.api.batch import UNLABELLED, Box, Example, Preprocess, Region
from xaibench.api.errors import DataError, PluginError
from xaibench.api.pictures import Opened, Size
from xaibench.engine.discovery.registry import Registry, installed
from xaibench.engine.images.pictures import images_of_examples, refuse_shared_targets, region_of
from xaibench.engine.images.prefetch import ahead
from xaibench.engine.plan.plan import dataset_at
from xaibench.engine.work.observer import Observer

TOGETHER = 16  # images that are read between two steps of the bar
THUMBNAIL = 160  # pixels of the longer side
WHOLE = Preprocess((1, 1))  # a region's frame is the whole image

Found = TypeVar("Found")


@dataclass(frozen=True)
class Annotated:
    """What a data set has of one class.

    Args:
        target: its index.
        label: its name; empty where the data set has none.
        images, boxes, masks: how many.
    """

    target: int
    label: str
    images: int
    boxes: int
    masks: int


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of an image, and where its classes are in that.

    Args:
        id: the image's name.
        picture: at most `THUMBNAIL` a side.
        labels: of its classes.
        boxes: where they are; of a mask, its extent.
    """

    id: str
    picture: Image.Image
    labels: tuple[str, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, or whose masks or boxes cannot."""

    id: str
    reason: str


@dataclass(frozen=True)
class DataFacts:
    """What `xaibench data inspect` shows.

    Args:
        name: of the data set, without its path.
        examples, images: how many.
        unlabelled: images of which no class is known.
        widths, heights: (least, median, most) of the readable images; empty where there are none.
        classes: most images first.
        unreadable: images that could not be read.
        thumbnails: some of the others, evenly through the data set.
    """

    name: str
    examples: int
    images: int
    unlabelled: int
    widths: tuple[float, ...]
    heights: tuple[float, ...]
    classes: tuple[Annotated, ...]
    unreadable: tuple[Unreadable, ...]
    thumbnails: tuple[Thumbnail, ...]


@dataclass(frozen=True)
class InspectedImage:
    """What is kept of an image: nothing of its size.

    Args:
        size: (width, height) of the original.
        boxes: how many of each class.
        thumbnail: where it was asked for.
    """

    size: Size
    boxes: dict[int, int]
    thumbnail: Thumbnail | None


@dataclass
class InspectionCounts:
    """What has been seen so far."""

    sizes: list[Size] = field(default_factory=list)
    boxes: Counter[int] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)
    thumbnails: list[Thumbnail] = field(default_factory=list)


def inspect_data(
    name: str,
    limit: int | None = None,
    pictures: int = 48,
    registry: Registry | None = None,
    observer: Observer | None = None,
) -> DataFacts:
    """Read a data set and count.

    Args:
        name: "NAME" or "NAME:PATH".
        limit: how many examples, from its start; None: all.
        pictures: of how many images thumbnails are made.
        registry: the plugins; those installed where not given.
        observer: is told how it goes.

    Raises:
        UnknownName, ConfigError: there is no such data set, or its path is missing.
        DataError, PluginError: it cannot be loaded, or has no examples.
    """
    called, examples = examples_of(name, limit, registry)
    images = images_of_examples(examples)
    shown = {images[i * len(images) // pictures][0].id for i in range(pictures)}
    counts = InspectionCounts()

    def inspect(same: tuple[Example, ...]) -> InspectedImage:
        return inspect_image(same, same[0].id in shown)

    for name_of, inspected in each(called, images, inspect, observer or Observer()):
        if isinstance(inspected, Unreadable):
            counts.unreadable.append(Unreadable(name_of, inspected.reason))
            continue
        counts.sizes.append(inspected.size)
        counts.boxes.update(inspected.boxes)
        counts.thumbnails += [inspected.thumbnail] if inspected.thumbnail else []
    return DataFacts(
        called,
        len(examples),
        len(images),
        sum(all(example.target == UNLABELLED for example in same) for same in images),
        spread([width for width, _ in counts.sizes]),
        spread([height for _, height in counts.sizes]),
        classes_of(examples, counts.boxes),
        tuple(counts.unreadable),
        tuple(counts.thumbnails),
    )


def verify_data(
    name: str,
    limit: int | None = None,
    registry: Registry | None = None,
    observer: Observer | None = None,
) -> tuple[int, list[Unreadable]]:
    """Read every image, mask and box; how many images there are, and which cannot be used.

    Args and raises as `inspect_data`.
    """
    called, examples = examples_of(name, limit, registry)
    images = images_of_examples(examples)
    results = each(called, images, read, observer or Observer())
    return len(images), [one for _, one in results if isinstance(one, Unreadable)]


def examples_of(
    name: str, limit: int | None, registry: Registry | None
) -> tuple[str, Sequence[Example]]:
    """The data set's name, and its examples."""
    dataset, called, root = dataset_at(registry or installed(), name)
    load = dataset.load()
    examples: Sequence[Example] = load(root) if root is not None else load()
    if not examples:
        raise PluginError(f"data set {called!r} has no examples")
    return called, examples[:limit]


def each(
    name: str,
    images: Sequence[tuple[Example, ...]],
    read_image: Callable[[tuple[Example, ...]], Found],
    observer: Observer,
) -> Iterator[tuple[str, Found | Unreadable]]:
    """Each image's id, and what `look` makes of it or why it cannot be read; in parallel, in order."""

    def attempt(same: tuple[Example, ...]) -> Found | Unreadable:
        try:
            return read_image(same)
        except Exception as error:  # a file's or a data set plugin's; the list says which image
            reason = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
            return Unreadable(same[0].id, reason)

    observer.block(name, len(images))
    parts = [images[first : first + TOGETHER] for first in range(0, len(images), TOGETHER)]
    for part, of_part in zip(parts, ahead(parts, attempt), strict=True):
        yield from ((same[0].id, one) for same, one in zip(part, of_part, strict=True))
        observer.done(len(part), resumed=False)


def read(same: tuple[Example, ...]) -> tuple[Opened, dict[int, Region]]:
    """Read one image as a run does; the picture, and where each of its classes is.

    Raises:
        DataError: says what cannot be used.
    """
    opened = same[0].read()
    refuse_shared_targets(same)
    regions = {example.target: region_of(example, opened, WHOLE) for example in same}
    for example in same:
        for box in regions[example.target].boxes:
            refuse_no_box(example, box)
    return opened, regions


def refuse_no_box(example: Example, box: Box) -> None:
    """A box has four finite edges, the left before the right and the top before the bottom.

    Raises:
        DataError: it has not.
    """
    x0, y0, x1, y1 = box
    if not (float("-inf") < x0 <= x1 < float("inf") and float("-inf") < y0 <= y1 < float("inf")):
        raise DataError(f"image {example.id!r}, class {example.target}: {tuple(box)} is no box")


def inspect_image(same: tuple[Example, ...], shown: bool) -> InspectedImage:
    """Read one image and keep its size, its boxes' number and, if it is `shown`, a thumbnail."""
    opened, regions = read(same)
    picture = opened.picture
    thumbnail = None
    if shown:
        small = picture.copy()
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        size = small.height, small.width
        boxes = tuple(box for region in regions.values() for box in region.seen_boxes(size))
        labels = tuple(called(example.target, example.label) for example in same)
        thumbnail = Thumbnail(same[0].id, small, labels, boxes)
    boxed = {target: len(region.boxes) for target, region in regions.items()}
    return InspectedImage(picture.size, boxed, thumbnail)


def called(target: int, label: str) -> str:
    """A class, for people."""
    return "unlabelled" if target == UNLABELLED else label or f"class {target}"


def classes_of(examples: Sequence[Example], boxes: Counter[int]) -> tuple[Annotated, ...]:
    """Every class that is known, most images first."""
    images = Counter(example.target for example in examples if example.target != UNLABELLED)
    masks = Counter(example.target for example in examples if example.mask is not None)
    labels = {example.target: example.label for example in examples}
    return tuple(
        Annotated(target, labels[target], count, boxes[target], masks[target])
        for target, count in sorted(images.items(), key=lambda item: (-item[1], item[0]))
    )


def spread(values: Sequence[int]) -> tuple[float, ...]:
    """(least, median, most); empty of none."""
    return (min(values), median(values), max(values)) if values else ()
