"""A training's folder: tensors as safetensors, all else as JSON, and a classifier out of the two.

The JSON names the file of tensors that belongs to it and is written last, aside, synced and renamed: a
training that is killed at any moment has its last whole epoch.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
from PIL.Image import Resampling
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.errors import ConfigError, PluginError
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed
from xaibench.train.recipe import Epoch, Recipe

FACTS, WEIGHTS, FORMAT = "checkpoint.json", "weights.safetensors", 1
BEST = "best."  # prefix of the best epoch's weights among the tensors of an unfinished training


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a training's JSON file.

    Args:
        recipe: what it was trained by.
        names: of the classes.
        label_space: of the data set.
        preprocess: how the network wants its images.
        images: how many were trained on and held out.
        history: the epochs so far.
        best: number of the epoch with the highest held-out accuracy, the first of equals; its weights
            are what is benchmarked.
        complete: no epoch is to follow.
        tensors: name of the file of tensors, in the same folder.
        tested: accuracy on further images that had no part in the training, and how many, by data set.
        format: of the folder.
    """

    recipe: Recipe
    names: tuple[str, ...]
    label_space: str
    preprocess: Preprocess
    images: tuple[int, int]
    history: tuple[Epoch, ...] = ()
    best: int = 0
    complete: bool = False
    tensors: str = ""
    tested: dict[str, tuple[float, int]] = {}
    format: int = FORMAT

    @property
    def accuracy(self) -> float:
        """The accuracy of the best epoch on the held-out images."""
        return self.history[self.best - 1].held_out_accuracy


class Folder:
    """The folder of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path, recipe: Recipe, overwrite: bool = False) -> "tuple[Folder, Facts | None]":
        """Create the folder, or open one that a training by the same recipe left.

        Raises:
            ConfigError: it holds another training, or cannot be written to.
            PluginError: what it holds cannot be read.
        """
        try:
            if overwrite and (path / FACTS).exists():
                for file in (path / FACTS, *path.glob("*.safetensors")):
                    file.unlink()
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"folder {path} cannot be written to: {error.strerror or error}; choose another --output"
            ) from error
        folder = cls(path)
        facts = read_facts(path) if (path / FACTS).exists() else None
        if facts is not None and facts.recipe != recipe:
            ours, theirs = recipe.facts(), facts.recipe.facts()
            other = [f"{k} {theirs[k]!r} rather than {v!r}" for k, v in ours.items() if theirs[k] != v]
            raise ConfigError(
                f"{path} holds a training with other settings ({', '.join(other)}); choose another "
                "--output, or --overwrite it"
            )
        return folder, facts

    def write(self, facts: Facts, tensors: Mapping[str, Tensor]) -> None:
        """Replace the checkpoint by that of another epoch, atomically."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_aside(self.path / facts.tensors, save(plain))
        self.say(facts)
        for path in self.path.glob("*.safetensors"):
            if path.name != facts.tensors:
                path.unlink()

    def say(self, facts: Facts) -> None:
        """Write the JSON file."""
        write_aside(self.path / FACTS, msgspec.json.format(msgspec.json.encode(facts), indent=2))


def write_aside(path: Path, content: bytes) -> None:
    """Write a file aside, sync it and rename it."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def read_facts(path: Path) -> Facts:
    """Read the JSON file of a training's folder.

    Raises:
        PluginError: there is no such folder, or it is no training's.
    """
    if not path.is_dir():
        raise PluginError(f"there is no checkpoint folder {path}; `xaibench train` makes one")
    file = path / FACTS
    if not file.is_file():
        inside = sorted(inner.parent.name for inner in path.glob(f"*/{FACTS}"))
        raise PluginError(
            f"{path} holds no {FACTS}"
            + (f"; {', '.join(inside[:5])} inside it do" if inside else "; `xaibench train` makes one")
        )
    try:
        facts = msgspec.json.decode(file.read_bytes(), type=Facts)
    except (OSError, msgspec.DecodeError, ConfigError, UnicodeDecodeError) as error:
        raise PluginError(f"{file} is no checkpoint of a training: {error}") from error
    if facts.format > FORMAT:
        raise PluginError(f"{file} is of format {facts.format}, and this xaibench reads {FORMAT}")
    if Path(facts.tensors).name != facts.tensors or not facts.tensors.endswith(".safetensors"):
        raise PluginError(f"{file} names {facts.tensors!r} for its tensors; expected a file beside it")
    if fault := next(faults(facts), ""):
        raise PluginError(f"{file} is no checkpoint of a training: {fault}")
    return facts


def faults(facts: Facts) -> Iterator[str]:
    """Yield the values that no training writes and no network could be built or called with."""
    epochs, wants, side = len(facts.history), facts.preprocess, facts.recipe.size
    if not (1 <= facts.best <= epochs or facts.best == epochs == 0):
        yield f"its best epoch is {facts.best}, of {epochs}"
    if not facts.names:
        yield "it names no class"
    if wants.size != (side, side):
        yield f"its images are of size {wants.size}, and it was trained at {side}"
    if len(wants.mean) != 3 or len(wants.std) != 3:
        yield "mean and std are not of three colours"
    if not all(map(isfinite, (*wants.mean, *wants.std))) or min(wants.std, default=1) <= 0:
        yield f"mean {wants.mean} and std {wants.std} are not finite, or std is not above 0"
    if wants.interpolation.upper() not in Resampling.__members__:
        yield f"there is no interpolation {wants.interpolation!r}"
    if wants.crop is not None and not 0 < wants.crop <= 1:
        yield f"crop is {wants.crop}; it must lie in (0, 1]"


def read_tensors(path: Path, facts: Facts) -> dict[str, Tensor]:
    """Read the tensors of a training's folder, by name.

    Raises:
        PluginError: they cannot be read.
    """
    file = path / facts.tensors
    try:
        return load(file.read_bytes())
    except (OSError, SafetensorError) as error:
        raise PluginError(f"{file} cannot be read: {type(error).__name__}: {error}") from error


def fill(network: nn.Module, weights: Mapping[str, Tensor], whose: object) -> None:
    """Fill a network with weights, in place.

    Raises:
        PluginError: they are not the network's.
    """
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise PluginError(f"the weights in {whose} are not its network's: {first}") from error


def new_network(recipe: Recipe, classes: int) -> nn.Module:
    """Return the recipe's architecture, untrained, drawn from torch's generator.

    Raises:
        UnknownName: there is no such architecture.
        PluginError: it cannot be made, or is no network.
    """
    spec = installed().architecture(recipe.architecture)
    try:
        network: Any = spec.load()(classes, recipe.size)
    except (RuntimeError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        first = " ".join(str(error).split())[:300]
        raise PluginError(
            f"architecture {spec.name!r} cannot be made for {classes} classes at {recipe.size} pixels: "
            f"{type(error).__name__}: {first}"
        ) from error
    if not isinstance(network, nn.Module):
        raise PluginError(
            f"architecture {spec.name!r} returned {type(network).__name__}; expected a torch.nn.Module"
        )
    return network


def checkpoint(name: str, target_layer: str | None = None) -> Classifier:
    """Return the network of a training's best epoch; the training may be unfinished.

    Args:
        name: the folder.
        target_layer: path of a module, where the one found is not the one wanted.

    Raises:
        PluginError: there is no such folder, or it cannot be read.
        UnknownName: no plugin offers its architecture any more.
    """
    path = Path(name).expanduser()
    facts = read_facts(path)
    tensors = read_tensors(path, facts)
    if not facts.complete:
        tensors = {k.removeprefix(BEST): v for k, v in tensors.items() if k.startswith(BEST)}
    network = new_network(facts.recipe, len(facts.names))
    fill(network, tensors, path)
    return classifier_from_facts(network.eval(), facts, target_layer)


def classifier_from_facts(
    network: nn.Module, facts: Facts, target_layer: str | None = None
) -> Classifier:
    """Return a trained network as a classifier that can be explained."""
    size = facts.preprocess.size
    classifier = classifier_of(network, size, facts.preprocess, target_layer, facts.names)
    return replace(classifier, label_space=facts.label_space)
