"""Pictures under the maps of several explainers, from one pass each: what a figure is drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch

from xaibench.api.batch import Batch, Example
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError, UnknownName
from xaibench.api.specs import Explainer
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.stream import Stream
from xaibench.engine.tools.single import WIDTH, classifier_from, named_classifier
from xaibench.engine.work.shared_pass import share
from xaibench.results.kept import Array


@dataclass(frozen=True)
class Panel:
    """One picture and its maps.

    Args:
        image: its name.
        target: name of the class explained, and the probability that the network gives it.
        colours: (H, W, 3) of uint8, as the network sees it.
        maps: (H, W) in [0, 1] by label, in the order asked for.
        missing: why there is no map, by label.
        ms: how long each explainer took for its map, the shared pass not included, by label.
        layer: the target layer.
    """

    image: str
    target: str
    probability: float
    colours: Array
    maps: Mapping[str, Array]
    missing: Mapping[str, str]
    ms: Mapping[str, float]
    layer: str


def examples_of(images: Sequence[Path], dataset: str) -> list[Example]:
    """The pictures given; where none are, those of an installed data set, each once."""
    if images:
        return [Example(path.stem, path, 0) for path in images]
    spec = installed().dataset(dataset)
    examples: Sequence[Example] = spec.load()()
    return list({example.id: example for example in examples}.values())


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


def panel(
    classifier: Classifier,
    example: Example,
    explainers: Sequence[Explainer],
    seed: int,
    wanted: int | None = None,
) -> Panel:
    """One picture explained by each explainer, for the class `wanted`; the predicted one if None."""
    preprocess = classifier.preprocess
    if preprocess is None:
        raise PluginError("this model does not know how to preprocess pictures")
    device = next((w.device for w in classifier.network.parameters()), torch.device("cpu"))
    images = preprocess.image(example.open())[None].to(device)
    chances = classifier.logits(images).softmax(1)[0]
    target = chances.argmax() if wanted is None else torch.tensor(wanted, device=device)
    batch = Batch((example.id,), images, target[None].clone(), (seed,), preprocess=preprocess)
    capture = Capture(classifier, batch)
    share(capture, explainers)  # or the first who asks would pay for all
    explained = explain(capture, explainers, Stream(classifier.logits, WIDTH))
    colours = (preprocess.colours(images)[0] * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Panel(
        image=example.id,
        target=classifier.class_name(int(target)),
        probability=float(chances[target]),
        colours=np.ascontiguousarray(colours.cpu().numpy()),
        maps={name: e.maps[0].cpu().numpy() for name, e in explained.items() if e.maps is not None},
        missing={
            name: f"{e.outcome.status}: {e.outcome.reason}"
            for name, e in explained.items()
            if e.maps is None
        },
        ms={name: e.outcome.ms for name, e in explained.items()},
        layer=classifier.target_layer.name,
    )


def explain_picture(
    model: str,
    image: Path,
    explainers: Sequence[str],
    target: str | None = None,
    target_layer: str | None = None,
    seed: int = 0,
) -> Panel:
    """One picture by some explainers.

    Args:
        model: name of an installed model.
        image: the picture.
        explainers: names of installed ones.
        target: name or index of the class to explain; the predicted one where not given.
        target_layer: path of a module, where the one found is not the one wanted.
        seed: of explainers that draw.

    Raises:
        UnknownName: no such model, explainer or class.
        DataError: the picture cannot be read.
        PluginError: the model does not know how to preprocess pictures.
    """
    specs = [installed().explainer(name) for name in dict.fromkeys(explainers)]
    classifier = classifier_from(model, (224, 224), target_layer)
    preprocess = classifier.preprocess
    if preprocess is None:
        raise PluginError("this model does not know how to preprocess pictures")
    example = Example(image.name, image, 0)
    if target is None:
        return panel(classifier, example, specs, seed)
    pixels = preprocess.image(example.open())[None]
    classes = classifier.logits(pixels).shape[1]
    return panel(classifier, example, specs, seed, class_called(target, classifier.class_names, classes))


def class_called(wanted: str, names: Sequence[str], classes: int) -> int:
    """The index of a class by its name, in any case, or by its index.

    Raises:
        UnknownName: the model has no such class, or the name stands for several.
    """
    if wanted.isdecimal() and int(wanted) < classes:
        return int(wanted)
    folded = [name.casefold() for name in names]
    matches = [index for index, name in enumerate(folded) if name == wanted.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UnknownName(
            f"classes {', '.join(map(str, matches))} are all called {wanted!r}; give an index"
        )
    guess = get_close_matches(wanted.casefold(), folded, n=1)
    raise UnknownName(
        f"the model has no class {wanted!r}"
        + (f"; did you mean {names[folded.index(guess[0])]!r}?" if guess else "")
        + f" Classes are 0 to {classes - 1}"
        + (", or by name." if names else "; it has no names for them.")
    )
