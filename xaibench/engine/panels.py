"""Pictures under the maps of several explainers, from one pass each: what a figure is drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from xaibench.api.batch import Batch, Example
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError
from xaibench.api.specs import Explainer
from xaibench.engine.explaining import explain
from xaibench.engine.registry import installed
from xaibench.engine.single import WIDTH, named_classifier
from xaibench.engine.stream import Stream
from xaibench.results.kept import Array


@dataclass(frozen=True)
class Panel:
    """One picture and its maps.

    Args:
        image: its name.
        target: name of the class explained, the one predicted, and its probability.
        colours: (H, W, 3) of uint8, as the network sees it.
        maps: (H, W) in [0, 1] by label, in the order asked for.
        missing: why there is no map, by label.
    """

    image: str
    target: str
    probability: float
    colours: Array
    maps: Mapping[str, Array]
    missing: Mapping[str, str]


def examples_of(images: Sequence[Path], dataset: str) -> list[Example]:
    """The pictures given; where none are, those of an installed data set, each once."""
    if images:
        return [Example(path.stem, path, 0) for path in images]
    spec = installed().dataset(dataset)
    found: Sequence[Example] = spec.load()()
    return list({example.id: example for example in found}.values())


def panels(
    model: str, examples: Sequence[Example], explainers: Mapping[str, Explainer], seed: int = 0
) -> list[Panel]:
    """Each picture explained by each explainer, for the class that the model predicts.

    Args:
        model: name of an installed model.
        examples: the pictures.
        explainers: by the label that the figure has for each.
        seed: of explainers that draw.

    Raises:
        UnknownName: no such model.
        DataError: a picture cannot be read.
        PluginError: the model does not know how to preprocess pictures.
    """
    classifier = named_classifier(model)
    named = [replace(spec, name=label) for label, spec in explainers.items()]
    return [panel(classifier, example, named, seed) for example in examples]


def panel(classifier: Classifier, example: Example, explainers: Sequence[Explainer], seed: int) -> Panel:
    """One picture explained by each explainer."""
    preprocess = classifier.preprocess
    if preprocess is None:
        raise PluginError("this model does not know how to preprocess pictures")
    device = next((w.device for w in classifier.network.parameters()), torch.device("cpu"))
    images = preprocess.image(example.open())[None].to(device)
    chances = classifier.logits(images).softmax(1)[0]
    target = chances.argmax()
    batch = Batch((example.id,), images, target[None].clone(), (seed,), preprocess=preprocess)
    found = explain(Capture(classifier, batch), explainers, Stream(classifier.logits, WIDTH))
    colours = (preprocess.colours(images)[0] * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Panel(
        image=example.id,
        target=classifier.class_name(int(target)),
        probability=float(chances[target]),
        colours=np.ascontiguousarray(colours.cpu().numpy()),
        maps={name: e.maps[0].cpu().numpy() for name, e in found.items() if e.maps is not None},
        missing={
            name: f"{e.outcome.status}: {e.outcome.reason}"
            for name, e in found.items()
            if e.maps is None
        },
    )
