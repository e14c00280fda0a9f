"""Any classifier of torchvision by its name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from torchvision import models

from xaibench.api import PluginError, UnknownName
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of

FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


@contextmanager
def weights_only() -> Iterator[None]:
    """Have torch read tensors alone from its cache: no pickle may run code. torchvision does not ask."""
    before = os.environ.get(FORCE)
    os.environ[FORCE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCE]
        else:
            os.environ[FORCE] = before


def torchvision_model(name: str, pretrained: bool = True, target_layer: str | None = None) -> Classifier:
    """The classifier that torchvision calls `name`, its target layer found by a probe.

    Args:
        name: as in `torchvision.models.list_models(module=torchvision.models)`.
        pretrained: torchvision's default weights from its cache; False: random ones.
        target_layer: path of a module, where the one found is not the one wanted.

    Raises:
        UnknownName: torchvision has no such classifier.
        PluginError: its weights cannot be loaded.
    """
    offered = models.list_models(module=models)
    if name not in offered:
        guess = get_close_matches(name, offered, n=1)
        raise UnknownName(
            f"torchvision has no classifier called {name!r}"
            + (f"; did you mean {guess[0]!r}?" if guess else "")
        )
    weights = models.get_model_weights(name).DEFAULT
    facts = weights.transforms()
    # without pretrained weights, some constructors warn unless told how to draw random ones
    random = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    try:
        with weights_only():
            network = models.get_model(name, weights=weights if pretrained else None, **random).eval()
    except Exception as error:  # no network, no disk, a broken file
        raise PluginError(
            f"torchvision's {name!r} cannot be made: {type(error).__name__}: {error} Weights are "
            f"fetched once, with a network, from {weights.url}, and kept in torch's cache."
        ) from error
    side = facts.crop_size[0]
    preprocess = Preprocess((side, side), tuple(facts.mean), tuple(facts.std), facts.interpolation.value)
    names = tuple(weights.meta["categories"])
    return classifier_of(network, preprocess.size, preprocess, target_layer, names)
