"""Tiny float64 classifiers: few channels, no downloads."""

from functools import partial

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from xaibench_models.cbam import CBAM

from xaibench.api.classifier import AttentionStack, Classifier, TargetLayer
from xaibench.api.maps import tokens_to_grid
from xaibench.testing.common.tiny_networks import CLASSES, deep_network, pooled_network


def gap_network() -> nn.Sequential:
    """Convolution, in-place ReLU, global average pooling, one linear layer; 3 x 32 x 24 to 8 x 6."""
    torch.manual_seed(0)
    return pooled_network().double()


def gap() -> Classifier:
    network = gap_network()
    return Classifier(network, (TargetLayer("1", network[1]),), head=network[4])


def deep() -> Classifier:
    """No global pooling before the linear layer, and an in-place ReLU right after the target layer."""
    torch.manual_seed(1)
    network = deep_network().double()
    return Classifier(network, (TargetLayer("2", network[2]),))


def flatten() -> Classifier:
    """One linear layer on all cells: HiResCAM is complete here, Grad-CAM is not."""
    torch.manual_seed(2)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 8 * 6, CLASSES),
    ).double()
    return Classifier(network, (TargetLayer("1", network[1]),))


def vit_network(pool: str = "token", **settings: object) -> VisionTransformer:
    """Two blocks on a grid of 4 x 3 patches."""
    torch.manual_seed(3)
    return VisionTransformer(
        img_size=(32, 24),
        patch_size=8,
        num_classes=CLASSES,
        embed_dim=12,
        depth=2,
        num_heads=3,
        global_pool=pool,
        class_token=pool == "token",
        **settings,
    ).double()


def convnext_network() -> nn.Module:
    """Four tiny stages; a LayerNorm between pool and head."""
    torch.manual_seed(4)
    settings = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 12), "num_classes": CLASSES}
    return timm.create_model("convnext_atto", **settings).double()


def vit() -> Classifier:
    network = vit_network()
    grid = partial(tokens_to_grid, prefix=1, grid=(4, 3))
    layer = TargetLayer("blocks.1.norm1", network.blocks[1].norm1, grid)
    blocks, attentions = ("blocks.0", "blocks.1"), ("blocks.0.attn", "blocks.1.attn")
    stack = AttentionStack(blocks, attentions, prefix=1, grid=(4, 3), read=(0,))
    return Classifier(network, (layer,), attention=stack)


def two_layers() -> Classifier:
    network = deep().network
    return Classifier(network, (TargetLayer("0", network[0]), TargetLayer("2", network[2])))


def cbam() -> Classifier:
    """A convolution, CBAM, global average pooling, one linear layer; 3 x 32 x 24 to 8 x 6."""
    torch.manual_seed(5)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1),
        CBAM(8, reduction=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    ).double()
    return Classifier(network, (TargetLayer("2", network[2]),), head=network[5])


NETS = [gap, deep, flatten, vit]
