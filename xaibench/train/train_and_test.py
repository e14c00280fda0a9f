"""Trains a network from its recipe, and tests it on the images that a run evaluates."""

from pathlib import Path

import msgspec
import torch

from xaibench.train.checkpoint import Facts, Folder, checkpoint
from xaibench.train.loop import assess, train
from xaibench.train.recipe import Recipe, TrainingObserver
from xaibench.train.samples import Samples, Source, class_names, samples_of
from xaibench.train.splits import split


def train_and_test(
    recipe: Recipe,
    path: Path,
    source: Source,
    samples: Samples,
    observer: TrainingObserver | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
) -> Facts:
    """Train into a folder and test on the unseen images. Raises as `train` does.

    Args:
        recipe: what it is trained by.
        path: the folder.
        source: the data set; its unseen images are tested on, where there are any.
        samples: its images.
        observer: is told how it goes.
        device: the CPU where not given.
        overwrite: begin anew.
    """
    rows = split(samples.targets, recipe.held_out)
    names = class_names(source.dataset, source.examples)
    classes = source.dataset.classes
    facts = train(recipe, path, samples, rows, names, classes, observer, device, overwrite)
    if source.unseen is None or facts.tested:
        return facts
    unseen = samples_of(source.unseen, recipe.size)
    network = checkpoint(str(path)).network
    _, right = assess(network, unseen, torch.arange(len(unseen.targets)))
    tested = {source.dataset.name: (right.float().mean().item(), len(right))}
    facts = msgspec.structs.replace(facts, tested=tested)
    Folder(path).say(facts)
    return facts
