"""The things a plugin can offer: a name, where the function is, and facts.

Nothing is imported to make one, so listing every plugin opens no torch.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from inspect import signature
from itertools import chain
from typing import Any

from xaibench.api.errors import PluginError

Setting = str | int | float | bool
Settings = Mapping[str, Setting]

NEEDS = (  # what an explainer may need, of the network and (the last) of the image
    *("linear-head", "activations", "gradients", "image-gradients", "several-layers", "attention"),
    "region",
)
EXPLAINER_TRAITS = ("any-class", "seeded", "unmirrored")
METRIC_NEEDS = ("region", "explainer")
METRIC_TRAITS = ("order-only",)
_WORD = re.compile(r"[a-z0-9][a-z0-9-]*")  # what can be typed as a command, or stands in a link


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A name, and `at`: "module:function", as in an entry point.

    `settings` are the keyword arguments the function is called with: a preset is the same function
    under another name with other settings. They are data, and stand in every row.
    """

    name: str
    at: str
    summary: str = ""
    settings: Settings = field(default_factory=dict)

    def load(self) -> Callable[..., Any]:
        """Import the module and return the function, its settings filled in.

        Raises:
            PluginError: the module cannot be imported or has no such function, or that takes no such
                settings.
        """
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).lower()
        module, _, function = self.at.partition(":")
        try:
            loaded: Callable[..., Any] = getattr(import_module(module), function)
        except Exception as error:  # whatever a plugin's import raises, it is named after the plugin
            raise PluginError(
                f"{kind} {self.name!r} cannot be loaded from {self.at!r}: "
                f"{type(error).__name__}: {error}"
            ) from error
        try:
            signature(loaded).bind_partial(**self.settings)
        except TypeError as error:
            raise PluginError(f"{kind} {self.name!r} cannot be set so: {error}") from error
        return partial(loaded, **self.settings) if self.settings else loaded


@dataclass(frozen=True, kw_only=True)
class Model(Spec):
    """A function that returns a Classifier.

    "NAME@LAYER" calls it with `target_layer`, the path of a module, and "NAME=WEIGHTS" with `weights`,
    a file or "random"; one that takes neither can still be used without.

    Args:
        classes: the label space its targets index, such as "imagenet-1k"; data sets name theirs.
        family: True where `name` stands for many models: the function then takes the rest of
            "name:rest" (for "timm:resnet50", "resnet50") as `name`.
        requires: a package to install where it is missing, told to the user.
        folder: True where the rest of "name:rest" is a path: rows name the model by its last part.
        stored: "module:function", which takes those of the settings that say which weights and returns
            the path where they lie, or would lie once fetched; it reads none of them.
    """

    classes: str = ""
    family: bool = False
    requires: str = ""
    folder: bool = False
    stored: str = ""


@dataclass(frozen=True, kw_only=True)
class Architecture(Spec):
    """A function `(classes, size)` that returns an untrained network, drawn from torch's generator.

    The network takes (B, 3, size, size) to logits, (B, classes), and is trained in training mode.

    Args:
        family: True where "name:rest" is one too: the function then takes the rest as `name`.
        rate: the learning rate it is trained with unless another is given.
    """

    family: bool = False
    rate: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class Explainer(Spec):
    """A function from a Capture to one saliency map an image.

    Args:
        needs: what the classifier must provide ("linear-head", "gradients", "image-gradients",
            "several-layers", "attention"), settled before a run; "region": boxes or a mask of the
            target class, an image without them has no map.
        version: raised whenever its maps change.
        citation: the paper.
        control: True for a null explainer, which every run includes.
        note: what a reader must be told wherever it is named.
        traits: where it is not as most are: "any-class", the map is the same for all classes; "seeded",
            it draws by the batch's generators; "unmirrored", a mirrored image's map is not the mirrored
            map. `xaibench.testing` holds it to them.
    """

    version: int = 1
    needs: tuple[str, ...] = ()
    citation: str = ""
    control: bool = False
    note: str = ""
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Modifier(Spec):
    """A function from an explainer's function to an explainer's function.

    Whatever explainer is installed, "NAME+modifier" is one too: the function is called with that
    explainer's, its settings filled in, and returns another that takes a Capture.

    Args:
        needs: what the classifier must provide, besides what the explainer needs.
        version: raised whenever it changes maps otherwise.
        citation: the paper.
        note: what a reader must be told wherever it is named.
        traits: as an explainer's, that an explainer has under it.
    """

    version: int = 1
    needs: tuple[str, ...] = ()
    citation: str = ""
    note: str = ""
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Modified(Explainer):
    """An explainer under a modifier. Made by `modified`."""

    explainer: Explainer
    modifier: Modifier

    def load(self) -> Callable[..., Any]:
        """The modifier's function called with the explainer's; raises as `Spec.load` does."""
        function: Callable[..., Any] = self.modifier.load()(self.explainer.load())
        return function


def modified(explainer: Explainer, modifier: Modifier) -> Modified:
    """`explainer` under `modifier`: it needs and says what both do.

    Its settings are the versions of both, each under its name, and the settings of both, each under
    "name.setting", so that a row tells which two made it; its own version rises with either.
    """
    parts = (explainer, modifier)
    return Modified(
        name=f"{explainer.name}+{modifier.name}",
        at=f"{modifier.at}({explainer.at})",
        summary="; ".join(part.summary for part in parts if part.summary),
        settings={
            key: value
            for part in parts
            for key, value in {part.name: part.version, **under(part.name, part.settings)}.items()
        },
        version=explainer.version + modifier.version - 1,
        needs=once(explainer.needs, modifier.needs),
        citation="; ".join(once(*([part.citation] for part in parts if part.citation))),
        note="; ".join(once(*([part.note] for part in parts if part.note))),
        traits=once(explainer.traits, modifier.traits),
        explainer=explainer,
        modifier=modifier,
    )


def under(name: str, settings: Settings) -> Settings:
    """Settings, each as "name.setting"."""
    return {f"{name}.{setting}": value for setting, value in settings.items()}


def once(*words: Iterable[str]) -> tuple[str, ...]:
    """All words in order, none twice."""
    return tuple(dict.fromkeys(chain.from_iterable(words)))


@dataclass(frozen=True, kw_only=True)
class Metric(Spec):
    """A function from maps and their batch to one score an image, or to a `Scored`.

    Args:
        version: a metric's meaning is frozen by it; a mended metric has the next one.
        higher_is_better: the direction.
        range: least and largest possible score.
        needs: what an example must have ("region": boxes or a mask of the target class), or
            "explainer": the function takes the explainer as a third argument, an `Explaining`, to ask
            it again about other images, classes or weights.
        target: which class is explained: "predicted" on the whole image, or "label".
        convention: what the number means, choice by choice, as data.
        supersedes: of a version after the first, what it mends of the one before. No table puts two
            versions into one column.
        ranks: whether explainers stand by it; False: it describes a map, or what one costs, and takes no
            part in ranks over several metrics.
        family: metrics of one family have one vote together in the verdict; empty: it alone.
        aggregate: how the scores of a data set become one value: "mean"; "class-mean", the mean of the
            classes' means; "best-threshold" or "average-precision", read off the curves (see
            `xaibench.results.aggregates`).
        traits: "order-only": an increasing function of a map leaves its score as it is.
            `xaibench.testing` holds it to that.
    """

    version: int = 1
    higher_is_better: bool
    range: tuple[float, float]
    needs: tuple[str, ...] = ()
    target: str = "predicted"
    ranks: bool = True
    family: str = ""
    aggregate: str = "mean"
    convention: Mapping[str, str] = field(default_factory=dict)
    supersedes: str = ""
    citation: str = ""
    traits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.version > 1 and not self.supersedes:
            which = f"metric {self.name!r} is version {self.version}"
            raise PluginError(f"{which} and does not say what it supersedes; give supersedes=")


@dataclass(frozen=True, kw_only=True)
class Dataset(Spec):
    """A function from a folder (None where the data is built in) to a sequence of Examples.

    Args:
        classes: the label space of its targets, such as "imagenet-1k".
        folder: what `--data NAME:PATH` must, may or may not give: "required", "optional", "none".
    """

    classes: str = ""
    folder: str = "none"


@dataclass(frozen=True, kw_only=True)
class Executor(Spec):
    """A function `(address, device)` to a context manager that gives an `executing.Execute`.

    `address` is what `--address` says, "" where it says nothing; `device` is the run's: "auto", "cpu",
    "cuda", ... `settings` say more to the function; no row depends on them.
    """


@dataclass(frozen=True, kw_only=True)
class Command(Spec):
    """A function that becomes a command of the command line: `xaibench GROUP NAME`.

    The function is annotated for typer, and its docstring is the help. Its module is imported when the
    command is called; lists show `summary`. The commands of xaibench itself cannot be replaced.

    Args:
        group: the first word, such as "figure"; "" for a command `xaibench NAME`.
        example: the words of one call behind `xaibench`, shown by the help of the group.
    """

    group: str = ""
    example: str = ""

    def __post_init__(self) -> None:
        for word in filter(None, (self.name, self.group)):
            refuse_unless_word("command", self.words, word)

    @property
    def words(self) -> str:
        """The words that call the command: "GROUP NAME", or "NAME"."""
        return f"{self.group} {self.name}".strip()


def refuse_unless_word(kind: str, name: str, word: str) -> None:
    """Raise a PluginError unless `word` consists of lower-case letters, digits and hyphens."""
    if not _WORD.fullmatch(word):
        raise PluginError(
            f"{kind} {name!r} cannot be called so; {word!r} may have lower-case letters, digits and "
            "hyphens alone"
        )
