"""Any image classifier of the transformers library. Wolf et al. 2020, arXiv:1910.03771."""

from collections.abc import Callable
from typing import Any

from PIL import Image
from torch import nn
from transformers import AutoImageProcessor, AutoModelForImageClassification, PreTrainedModel

from xaibench.api import PluginError
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench.api.types import Images, Logits


class Classifying(nn.Module):
    """A classifier of the transformers library from images to logits."""

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network
        registers = getattr(network.config, "num_register_tokens", None)
        if registers is not None:  # the probe need not guess
            self.num_prefix_tokens = 1 + int(registers)

    def forward(self, images: Images) -> Logits:
        """(B, 3, H, W), preprocessed, to (B, C)."""
        if self.network.config.model_type == "cvt" and len(images) == 1:
            # The gradients of transformers' CvT are wrong in a batch of one: a test shows it.
            return self.forward(images.expand(2, -1, -1, -1))[:1]
        logits: Logits = self.network(pixel_values=images).logits
        return logits


def transformers_model(name: str, target_layer: str | None = None) -> Classifier:
    """The image classifier that the hub calls `name`, its target layer found by a probe.

    Args:
        name: on the hub, or a folder that `save_pretrained` wrote.
        target_layer: path of a module, where the one found is not the one wanted.

    Raises:
        PluginError: there is no such classifier, or it cannot be loaded.
    """
    network = loaded(AutoModelForImageClassification.from_pretrained, name)
    preprocess = preprocess_of(loaded(AutoImageProcessor.from_pretrained, name))
    labels = network.config.id2label
    names = tuple(str(labels[i]).split(",")[0] for i in range(len(labels)))
    layer = target_layer or stated_layer(network)
    return classifier_of(Classifying(network).eval(), preprocess.size, preprocess, layer, names)


def stated_layer(network: PreTrainedModel) -> str | None:
    """The target layer of CvT, whose keys and values are grids too, but not of the residual stream.

    Of others the probe finds it: None.
    """
    if network.config.model_type != "cvt":
        return None
    norms = [name for name, _ in network.named_modules() if name.endswith("layernorm_before")]
    return f"network.{norms[-1]}"


def loaded(from_pretrained: Callable[..., Any], name: str) -> Any:
    """What is saved under `name`: tensors alone, and no code that comes with it.

    Raises:
        PluginError: it cannot be loaded; says why, and what to do.
    """
    safely = {} if from_pretrained == AutoImageProcessor.from_pretrained else {"weights_only": True}
    try:
        return from_pretrained(name, trust_remote_code=False, **safely)
    except Exception as error:  # the hub's, the disk's and the library's own have a dozen names
        reason = " ".join(str(error).split())
        raise PluginError(
            f"{name!r} cannot be loaded by transformers: {type(error).__name__}: {reason} "
            "Name a folder, or fetch it once with a network."
        ) from error


def preprocess_of(processor: Any) -> Preprocess:
    """The processor's own mean, standard deviation, size and interpolation; nothing is cropped."""
    given = dict(getattr(processor, "crop_size", None) or processor.size)
    sides: dict[str, int] = {name: side for name, side in given.items() if side is not None}
    edge = sides.get("shortest_edge", 0)
    size = (int(sides.get("height", edge)), int(sides.get("width", edge)))
    interpolation = Image.Resampling(processor.resample).name.lower()
    mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    return Preprocess(size, mean, std, interpolation)
