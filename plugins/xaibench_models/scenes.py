"""Two small networks trained on the data set `scenes`, as classifiers."""

from torch import nn
from xaibench_datasets.scenes import CLASSES

from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench_models.scenes_networks import scenes_cnn_network, scenes_vit_network

SIDE = 64
HALF = (0.5, 0.5, 0.5)


def scenes_cnn() -> Classifier:
    """The CNN at its last activated convolution: CAM is exact there."""
    return _classifier(scenes_cnn_network())


def scenes_vit() -> Classifier:
    """The ViT at the last block's first norm: past that attention, patches reach no logit."""
    return _classifier(scenes_vit_network())


def _classifier(network: nn.Module) -> Classifier:
    preprocess = Preprocess((SIDE, SIDE), HALF, HALF)
    return classifier_of(network, preprocess.size, preprocess, class_names=tuple(CLASSES))
