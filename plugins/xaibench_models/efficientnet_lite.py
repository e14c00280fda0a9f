"""EfficientNet-Lite 0, 1 and 2 with their ImageNet weights, out of three packages (Apache-2.0).

The packages name their tensors as another implementation does; timm's names are read off here.
"""

import re

import timm
import torch
from torch import Tensor, nn

from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench_models.stored import efficientnet_lite as weight_file
from xaibench_models.timm_family import imagenet_names, preprocess_of

OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
FIRST_BLOCK = {  # it does not expand
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def efficientnet_lite(size: int = 0, target_layer: str | None = None) -> Classifier:
    """EfficientNet-Lite `size` at the activated last convolution, where CAM is exact, or elsewhere."""
    network = timm.create_model(f"tf_efficientnet_lite{size}", pretrained=False)
    weights = torch.load(weight_file(size), map_location="cpu", weights_only=True)
    network.load_state_dict(timm_names(weights, network))
    preprocess = preprocess_of(network)
    names = imagenet_names(network)
    return classifier_of(network.eval(), preprocess.size, preprocess, target_layer, names)


def timm_names(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """`weights` under the names that timm's network has for them."""
    stages = network.get_submodule("blocks").children()
    places = [(s, i) for s, stage in enumerate(stages) for i, _ in enumerate(stage.children())]
    renamed = {}
    for name, tensor in weights.items():
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
            stage, i = places[int(match[1])]
            part = (FIRST_BLOCK if match[1] == "0" else BLOCK)[match[2]]
            renamed[f"blocks.{stage}.{i}.{part}.{match[3]}"] = tensor
        else:
            module, parameter = name.split(".")
            renamed[f"{OUTSIDE[module]}.{parameter}"] = tensor
    return renamed
