"""What is known of a model before anything is run on it."""

from dataclasses import dataclass

import torch

from xaibench.api.batch import Preprocess
from xaibench.api.capture import SharedPass
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.errors import PluginError
from xaibench.api.probe import noise_for, probe
from xaibench.api.resolve import PASSING, candidates_of
from xaibench.engine.tools.single import named_classifier

OUTER = 1  # dots in the path of a module that is listed unless all are asked for


@dataclass(frozen=True)
class LayerCandidate:
    """A module that explainers can look at.

    Args:
        layer: its path.
        layout: how its output lies: "channels first", "channels last" or "tokens".
        grid: (height, width) in cells.
        channels: of each cell.
    """

    layer: str
    layout: str
    grid: tuple[int, int]
    channels: int


@dataclass(frozen=True)
class ModelFacts:
    """What `xaibench models inspect` shows.

    Args:
        name: of the model.
        network: its class.
        target_layers: shallow to deep; the last is the one that most explainers use.
        head: the linear layer on the mean activations there, with the norm before it; empty: none.
        others: modules that could be named instead, in the order they run.
    """

    name: str
    network: str
    parameters: int
    weights_sha: str
    provides: tuple[str, ...]
    preprocess: Preprocess
    target_layers: tuple[LayerCandidate, ...]
    head: str
    others: tuple[LayerCandidate, ...]


def inspect_model(name: str, everything: bool = False) -> ModelFacts:
    """Load a model and look where it can be explained.

    Args:
        name: as in `xaibench list models`, also with "@LAYER" and "=WEIGHTS".
        everything: list every module that could be named, not only the outer ones.

    Raises:
        UnknownName: no such model.
        PluginError: it cannot be loaded, or does not say how it wants its images.
        Unsupported: it has no target layer.
    """
    classifier = named_classifier(name)
    if classifier.preprocess is None:
        raise PluginError(f"model {name!r} does not say how it wants its images")
    network, size = classifier.network, classifier.preprocess.size
    noise = noise_for(network, size)
    others = [
        place_of(candidate.layer, candidate.output.value)
        for candidate in candidates_of(network, probe(network, noise), size)
        if everything
        or (
            candidate.output.name.count(".") <= OUTER
            and not isinstance(candidate.output.module, PASSING)
        )
    ]
    shared = SharedPass(classifier, noise)
    return ModelFacts(
        name,
        type(network).__name__,
        sum(weight.numel() for weight in network.parameters()),
        classifier.weights_sha(),
        tuple(sorted(classifier.provides)),
        classifier.preprocess,
        tuple(
            place_of(layer, output)
            for layer, output in zip(classifier.target_layers, shared.outputs, strict=True)
        ),
        head_of(classifier),
        tuple(others),
    )


def place_of(layer: TargetLayer, output: torch.Tensor) -> LayerCandidate:
    """What `layer` is, by its output on one image."""
    channels, height, width = layer.to_grid(output).shape[1:]
    return LayerCandidate(layer.name, layer.layout, (height, width), channels)


def head_of(classifier: Classifier) -> str:
    """The path of the linear head, and of the norm between pooling and it."""
    paths = {module: name for name, module in classifier.network.named_modules()}
    if classifier.head is None:
        return ""
    head = paths[classifier.head]
    return head if classifier.head_norm is None else f"{paths[classifier.head_norm]}, {head}"
