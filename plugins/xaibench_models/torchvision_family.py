"""Any classifier of torchvision by its name."""

from difflib import get_close_matches

from torchvision import models

from xaibench.api import PluginError, UnknownName
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench_models.checkpoints import (
    PRETRAINED,
    RANDOM,
    draw_zero_heads,
    load_checkpoint,
    same_draw,
    weights_only,
)


def torchvision_model(
    name: str, weights: str = PRETRAINED, target_layer: str | None = None
) -> Classifier:
    """The classifier that torchvision calls `name`, its target layer found by a probe.

    Args:
        name: as in `torchvision.models.list_models(module=torchvision.models)`.
        weights: "pretrained", torchvision's default ones from its cache; others of its own by their
            name, such as "IMAGENET1K_V1"; "random", drawn, always the same; or a file.
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
    all_published = models.get_model_weights(name)
    named = weights in all_published.__members__
    published = all_published[weights] if named else all_published.DEFAULT
    facts = published.transforms()
    # without pretrained weights, some constructors warn unless told how to draw random ones
    random = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    try:
        with weights_only(), same_draw():
            wanted = published if named or weights == PRETRAINED else None
            network = models.get_model(name, weights=wanted, **random).eval()
    except Exception as error:  # no network, no disk, a broken file
        raise PluginError(
            f"torchvision's {name!r} cannot be made: {type(error).__name__}: {error} Weights are "
            f"fetched once, with a network, from {published.url}, and kept in torch's cache."
        ) from error
    if weights == RANDOM:
        draw_zero_heads(network)
    elif not named and weights != PRETRAINED:
        load_checkpoint(network, weights)
    side = facts.crop_size[0]
    preprocess = Preprocess((side, side), tuple(facts.mean), tuple(facts.std), facts.interpolation.value)
    names = tuple(published.meta["categories"])
    return classifier_of(network, preprocess.size, preprocess, target_layer, names)
