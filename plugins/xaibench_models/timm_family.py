"""Any classifier of timm by its name. Wightman, github.com/huggingface/pytorch-image-models."""

from difflib import get_close_matches

import timm
from timm.data import ImageNetInfo, resolve_model_data_config
from torch import nn

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


def timm_model(name: str, weights: str = PRETRAINED, target_layer: str | None = None) -> Classifier:
    """The classifier that timm calls `name`, its target layer found by a probe.

    Args:
        name: as in `timm.list_models()`, with or without the tag of its weights.
        weights: "pretrained", from the hub's cache; "random", drawn, always the same; or a file.
        target_layer: path of a module, where the one found is not the one wanted.

    Raises:
        UnknownName: timm has no such model.
        PluginError: its weights cannot be loaded.
    """
    if not timm.is_model(name):
        guess = get_close_matches(name, timm.list_models(), n=1)
        raise UnknownName(
            f"timm has no model called {name!r}" + (f"; did you mean {guess[0]!r}?" if guess else "")
        )
    try:
        with weights_only(), same_draw():
            network = timm.create_model(name, pretrained=weights == PRETRAINED).eval()
    except Exception as error:  # what the hub raises without a network has a dozen names
        raise PluginError(
            f"timm's {name!r} cannot be made: {type(error).__name__}: {error} Weights are fetched once, "
            "with a network, and kept in the hub's cache."
        ) from error
    if weights == RANDOM:
        draw_zero_heads(network)
    elif weights != PRETRAINED:
        load_checkpoint(network, weights)
    preprocess = preprocess_of(network)
    return classifier_of(network, preprocess.size, preprocess, target_layer, imagenet_names(network))


def preprocess_of(network: nn.Module) -> Preprocess:
    """Timm's own mean, standard deviation, size and interpolation; the whole image, squashed."""
    facts = resolve_model_data_config(network)
    _, height, width = facts["input_size"]
    return Preprocess((height, width), facts["mean"], facts["std"], facts["interpolation"])


def imagenet_names(network: nn.Module) -> tuple[str, ...]:
    """Names of the 1,000 ImageNet classes where the network has that many, else none."""
    if getattr(network, "num_classes", None) != 1000:
        return ()
    info = ImageNetInfo()
    return tuple(info.index_to_description(i).split(",")[0] for i in range(1000))
