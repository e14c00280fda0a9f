"""Two small networks trained on the data set `scenes`, as classifiers."""

from torch import nn
from xaibench_datasets.scenes import CLASSES

from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench_models.scenes_networks import scenes_cnn_network, scenes_vit_network

SIDE = 64
HALF = (0.5, 0.5, 0.5)


def scenes_cnn(target_layer: str | None = None) -> Classifier:
    """The CNN at its last activated convolution, where CAM is exact, or elsewhere."""
    return scenes_classifier(scenes_cnn_network(), target_layer)


def scenes_vit(target_layer: str | None = None) -> Classifier:
    """The ViT at the last block's first norm: past that attention, patches reach no logit."""
    return scenes_classifier(scenes_vit_network(), target_layer)


def scenes_classifier(network: nn.Module, target_layer: str | None = None) -> Classifier:
    """A network for the scenes' size and classes."""
    preprocess = Preprocess((SIDE, SIDE), HALF, HALF)
    return classifier_of(network, preprocess.size, preprocess, target_layer, tuple(CLASSES))
