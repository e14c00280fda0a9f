"""Toy plugins for runs of a second: a model, data sets, explainers that behave and that do not."""

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep

import numpy as np
import torch
from PIL import Image
from torch import nn

from xaibench.api import Dataset, Explainer, Metric, Model, Unsupported
from xaibench.api.batch import Example, Preprocess
from xaibench.api.resolve import classifier_of
from xaibench.api.variants import Variants
from xaibench.engine.discovery.registry import Registry, installed

SIDE, CLASSES = 16, 3


def model(classes=CLASSES):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, classes),
    )
    network[1].running_mean.uniform_(-0.2, 0.2)
    network[1].running_var.uniform_(0.5, 2)
    network[5].weight.data *= 8
    return classifier_of(network.eval(), (SIDE, SIDE), Preprocess((SIDE, SIDE)))


def no_model():
    raise OSError("the weights are on the other machine")


def picture(number: int) -> Image.Image:
    noise = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE + 4, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def generated(root=None):
    """Six images; the second has two classes, the third's class is not annotated."""
    return [
        Example(
            f"image-{i}",
            lambda i=i: picture(i),
            target,
            boxes=() if i == 2 else ((2, 2, 9, 9),),
        )
        for i, target in [(0, 0), (1, 1), (1, 2), (2, 0), (3, 2), (4, 1), (5, 0)]
    ]


def ill_masked(root=None):
    """Three images; the mask of the second is not of its image's size."""
    masks = [partial(np.ones, (SIDE, width), dtype=bool) for width in (SIDE + 4, SIDE, SIDE + 4)]
    return [Example(f"image-{i}", partial(picture, i), 0, mask=mask) for i, mask in enumerate(masks)]


def nine(root=None):
    """Nine images, of a name and a class each."""
    return [Example(f"image-{i}", partial(picture, i), i % CLASSES) for i in range(9)]


def drawn(root=None, seed=0):
    """Three images, others for each seed."""
    images = [partial(picture, 100 * seed + i) for i in range(3)]
    return [Example(f"{seed}-{i}", image, i, boxes=((2, 2, 9, 9),)) for i, image in enumerate(images)]


def folder(root: Path):
    return [Example(path.stem, path, 0, boxes=((0, 0, 8, 8),)) for path in sorted(root.glob("*.png"))]


def activation(capture):
    return capture.activations.sum(1)


def gradient(capture):
    return (capture.gradients * capture.activations).sum(1).relu()


def asking(capture):
    images = capture.batch.images
    logits = yield Variants(lambda row, k: images[row] * (k / 4)[:, None, None, None], 4, "logit")
    return capture.activations.sum(1) * logits.mean(1)[:, None, None]


def as_it_likes(capture):
    """How many forwards it asks for depends on the image: the last digit of its name, and one."""
    images, counts = capture.batch.images, [int(name[-1]) + 1 for name in capture.batch.ids]
    yield Variants(lambda row, k: images[row][None].expand(len(k), -1, -1, -1), counts)
    return capture.activations.sum(1)


def constant(capture):
    return torch.ones(len(capture.batch.ids), 4, 4)


def corner(capture):
    """The peak is the image's first pixel."""
    maps = torch.zeros(len(capture.batch.ids), 4, 4)
    maps[:, 0, 0] = 1
    return maps


def control(capture):
    draws = [torch.rand(4, 4, generator=g) for g in capture.batch.generators("control")]
    return torch.stack(draws)


def scattering(capture):
    """By an operation that torch has in no deterministic form."""
    maps = capture.activations.sum(1).clone()
    return maps.put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]).to(maps))


def raising(capture):
    raise ZeroDivisionError("nothing to divide by")


def hanging(capture):
    while True:
        sleep(0.01)


def stalling(capture):
    """It asks for forwards, and hangs while it builds what it has asked for."""
    yield Variants(lambda row, k: hanging(capture), 2)


def endless(capture):
    """It is never long about asking for forwards, and never content with them."""
    while True:
        sleep(0.02)
        yield Variants(lambda row, k: capture.batch.images[row][None], 1)


def inapplicable(capture):
    raise Unsupported("it needs a network with wheels")


def neighbourly(capture):
    """It depends on the other images of its batch."""
    maps = capture.activations.sum(1)
    return maps - 0.9 * maps.mean(0)


def restless(capture):
    """It draws by no seed of ours."""
    return capture.activations.sum(1) * torch.rand(8, 8)


def wrong_shape(capture):
    return capture.activations


def no_tensor(capture):
    return [[1.0]]


def nan_on_one(capture):
    maps = capture.activations.sum(1).clone()
    maps[[i for i, name in enumerate(capture.batch.ids) if name == "image-3"], 0, 0] = torch.nan
    return maps


def scaled(explainer, weight=1.0):
    """A modifier: the map times a weight; one below zero turns it upside down."""
    return lambda capture: weight * explainer(capture)


def scaled_generator(explainer, weight=1.0):
    """The same for an explainer that asks for forwards, or may have been explained already."""

    def scaled_(capture):
        said = explainer(capture)
        return weight * ((yield from said) if isinstance(said, Generator) else said)

    return scaled_


GOOD = ("activation", "gradient", "asking", "constant")
BAD = ("raising", "inapplicable", "wrong_shape", "no_tensor", "nan_on_one")


def registry(*explainers: str, metrics: tuple[str, ...] = ("deletion-28", "pointing-game")) -> Registry:
    def explainer(name: str, **facts) -> Explainer:
        return Explainer(name=name, at=f"toys:{name}", **facts)

    specs = [explainer(name) for name in explainers or GOOD]
    specs.append(explainer("control", control=True))
    return Registry(
        models={
            "toy": Model(name="toy", at="toys:model", classes="toys"),
            "none": Model(name="none", at="toys:no_model", classes="toys"),
            "other": Model(name="other", at="toys:model", classes="animals"),
        },
        explainers={spec.name: spec for spec in specs},
        metrics={name: installed().metric(name) for name in metrics},
        datasets={
            "generated": Dataset(name="generated", at="toys:generated", classes="toys"),
            "ill_masked": Dataset(name="ill_masked", at="toys:ill_masked", classes="toys"),
            "folder": Dataset(name="folder", at="toys:folder", classes="toys", folder="required"),
        },
        plugins=(),
    )


def other_class(maps, batch, explainer):
    """How far the map of another class is from this one."""
    other = replace(batch, targets=(batch.targets + 1) % CLASSES)
    return (maps - explainer.maps(other)).abs().mean((1, 2))


def toy_metric_registry() -> Registry:
    """With a metric that asks the explainer again."""
    found = registry("gradient")
    spec = Metric(
        name="other-class",
        at="toys:other_class",
        higher_is_better=True,
        range=(0, 1),
        needs=("explainer",),
    )
    return replace(found, metrics={**found.metrics, spec.name: spec})
