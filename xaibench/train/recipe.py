"""The settings of a training. Equal recipes give equal numbers on the same machine."""

from collections.abc import Mapping
from typing import Any

import msgspec

from xaibench.api.errors import ConfigError

AUGMENTATIONS = ("mirror", "recolour")


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a training.

    Args:
        architecture: by name.
        data: a data set, "NAME" or "NAME:PATH".
        settings: of the data set's function.
        limit: how many of its examples, from its start, or to be drawn; None: all.
        size: side of the square images, in pixels.
        epochs: most passes over the training images.
        batch: images a step.
        rate: largest learning rate of Adam; it rises over the first tenth of the steps and then falls
            to nothing along a cosine.
        patience: epochs without a better accuracy on the held-out images before it stops early.
        augment: how images are changed at random each time they are trained on: "mirror" turns half of
            them left to right, "recolour" exchanges red, green and blue.
        held_out: share of each class's images that is not trained on.
        seed: of the first weights and of the order of the images.
    """

    architecture: str
    data: str
    settings: Mapping[str, str | int | float | bool] = {}
    limit: int | None = None
    size: int = 64
    epochs: int = 10
    batch: int = 64
    rate: float = 1e-3
    patience: int = 5
    augment: tuple[str, ...] = ()
    held_out: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"size": 8, "epochs": 1, "batch": 2, "patience": 1, "limit": 2}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ConfigError(f"{name} is {value}; it must be at least {bound}")
        for name in self.augment:
            if name not in AUGMENTATIONS:
                raise ConfigError(
                    f"no augmentation is called {name!r}; there are {', '.join(AUGMENTATIONS)}"
                )
        if not self.rate > 0:
            raise ConfigError(f"rate is {self.rate}; it must be above 0")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; it must lie between 0 and 1")

    def facts(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one pass over the training images.

    Args:
        number: from 1.
        loss: mean cross entropy of the training images, in nats, as they were trained on.
        accuracy: share of them that were named right then.
        held_out_loss, held_out_accuracy: of the held-out images afterwards.
        seconds: wall time; the one thing here that is not the same again.
    """

    number: int
    loss: float
    accuracy: float
    held_out_loss: float
    held_out_accuracy: float
    seconds: float


class TrainingObserver:
    """Receives the progress of a training and shows nothing; the command line's shows it."""

    def loading(self, done: int, images: int) -> None:
        """Note that `done` of `images` images are decoded."""

    def began(self, name: str, epochs: int, images: int, finished: int) -> None:
        """Note that a training begins, `images` images an epoch; `finished` epochs exist already."""

    def trained(self, images: int) -> None:
        """Note that a batch of images has been trained on."""

    def epoch(self, epoch: Epoch) -> None:
        """Note that an epoch is over and its checkpoint written."""

    def note(self, text: str) -> None:
        """Note a message for the user."""
