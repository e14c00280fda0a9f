"""A data set's examples as batches to train on: decoded once where they fit into memory."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature

import torch
from torch import Tensor

from xaibench.api.batch import Example, Preprocess
from xaibench.api.errors import ConfigError, DataError
from xaibench.api.specs import Dataset
from xaibench.api.types import Images, Targets
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.plan import dataset_at, with_settings
from xaibench.train.recipe import Recipe, TrainingObserver

MEMORY = 2 << 30  # bytes of decoded images that are kept
DECODERS = 4
CHUNK = 256  # images decoded between two reports
HALF = (0.5, 0.5, 0.5)
COUNTED = re.compile(r"-(\d+)(k?)$")  # "imagenet-1k", "cifar-10"


@dataclass(frozen=True)
class Samples:
    """Images of one size, each with one class.

    Args:
        examples: one an image.
        targets: (N,), their classes.
        preprocess: how a network trained on them wants its images.
        pixels: (N, 3, size, size) of uint8; None where they are decoded when asked for.
    """

    examples: tuple[Example, ...]
    targets: Tensor
    preprocess: Preprocess
    pixels: Tensor | None

    def batch(self, rows: Tensor) -> tuple[Images, Targets]:
        """Return the images in `rows`, preprocessed as `Preprocess.image` does, and their classes."""
        pixels = self.pixels[rows] if self.pixels is not None else self.decode(rows.tolist())
        colours = pixels.float() / 255
        mean, std = (torch.tensor(v)[:, None, None] for v in (self.preprocess.mean, self.preprocess.std))
        return (colours - mean) / std, self.targets[rows]

    def decode(self, rows: Sequence[int]) -> Tensor:
        """Decode the images in `rows`, (n, 3, size, size) of uint8."""
        read = partial(bytes_of, size=self.preprocess.size)
        with ThreadPoolExecutor(DECODERS) as pool:
            return torch.stack(list(pool.map(read, (self.examples[row] for row in rows))))


def bytes_of(example: Example, size: tuple[int, int]) -> Tensor:
    """Return the picture squashed to `size`, (3, height, width) of uint8."""
    plain = Preprocess(size, (0.0,) * 3, (1.0,) * 3)
    return (plain.image(example.open()) * 255).round().to(torch.uint8)


def samples_of(
    examples: Sequence[Example],
    size: int,
    observer: TrainingObserver | None = None,
    memory: int = MEMORY,
) -> Samples:
    """Return examples as samples; an image with several annotated classes gets its first.

    Args:
        examples: of a data set.
        size: side of the images, in pixels.
        observer: is told how the decoding goes on.
        memory: bytes; where the images would take more they are decoded anew for each batch.

    Raises:
        DataError: an image cannot be read, or there are none.
    """
    by_image: dict[str, Example] = {}
    for example in examples:
        by_image.setdefault(example.id, example)
    first = tuple(by_image.values())
    if not first:
        raise DataError("there are no examples to train on")
    observer = observer or TrainingObserver()
    if len(first) < len({(example.id, example.target) for example in examples}):
        observer.note("some images have several classes; the first of each is trained on")
    targets = torch.tensor([example.target for example in first])
    if int(targets.min()) < 0:
        raise DataError("an example has no class to train on: its target is below 0")
    lazy = Samples(first, targets, Preprocess((size, size), HALF, HALF), None)
    if len(first) * 3 * size**2 > memory:
        return lazy
    parts = []
    for rows in torch.arange(len(first)).split(CHUNK):
        parts.append(lazy.decode(rows.tolist()))
        observer.loading(int(rows[-1]) + 1, len(first))
    return replace(lazy, pixels=torch.cat(parts))


@dataclass(frozen=True)
class Source:
    """The source of a training's images.

    Args:
        dataset: with the settings that it is trained on by.
        examples: to be trained on and held out.
        unseen: of the data set with its own seed, as a run has it, where those are other images; else
            None.
    """

    dataset: Dataset
    examples: Sequence[Example]
    unseen: Sequence[Example] | None


def source_of(recipe: Recipe, registry: Registry) -> Source:
    """Return the source that a recipe names.

    A data set that draws its images by a seed is drawn by another than its own, so that what a run
    evaluates has not been trained on.

    Raises:
        UnknownName, ConfigError: the data set cannot be had like that.
        PluginError: it cannot be loaded.
    """
    dataset, name, root = dataset_at(registry, recipe.data)
    given, takes = dict(recipe.settings), signature(dataset.load()).parameters
    seen_by_a_run = with_settings(dataset, {k: v for k, v in given.items() if k != "seed"})
    drawn = "seed" in takes
    if drawn:
        given.setdefault("seed", int(takes["seed"].default) + 1)
    if "count" in takes and recipe.limit is not None:
        given.setdefault("count", recipe.limit)
    spec = with_settings(dataset, given)
    place = () if root is None else (root,)
    examples: Sequence[Example] = spec.load()(*place)
    if not examples:
        raise ConfigError(f"data set {name!r} has no examples")
    other = drawn and given["seed"] != takes["seed"].default
    return Source(spec, examples[: recipe.limit], seen_by_a_run.load()(*place) if other else None)


def class_names(dataset: Dataset, examples: Sequence[Example]) -> tuple[str, ...]:
    """Return a name for each class, "class 7" where the data set has none.

    As many as the label space says ("cifar-10": 10), or as the largest target asks for.
    """
    named = {example.target: example.label for example in examples if example.label}
    counted = COUNTED.search(dataset.classes)
    stated = int(counted[1]) * (1000 if counted[2] else 1) if counted else 0
    count = max(stated, 1 + max(example.target for example in examples))
    return tuple(named.get(i, f"class {i}") for i in range(count))
