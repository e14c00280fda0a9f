"""Ablation-CAM. Desai and Ramaswamy 2020, WACV, doi:10.1109/WACV45572.2020.9093360."""

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.maps import weighted_sum
from xaibench.api.types import ChannelWeights, Grid, GridMaps, Indices


def ablation_cam(capture: Capture) -> GridMaps:
    """ReLU of the channels' sum, each weighted by the logit's drop when it is set to zero.

    The drop is divided by the logit where that is positive; by a negative one, which would turn all
    signs around, it is not. A channel that is zero already has no drop and costs no forward.

    Exact without a forward where the logits are a linear head on the mean activations. Elsewhere a
    forward for each channel of each image.
    """
    drops = linear_drops(capture) if has_plain_head(capture) else forwarded_drops(capture)
    logits = capture.logits.gather(1, capture.batch.targets[:, None])
    weights = drops / torch.where(logits > 0, logits, 1)
    return weighted_sum(weights, capture.activations).relu()


def has_plain_head(capture: Capture) -> bool:
    """Whether a channel's share of the logit is its mean times a weight."""
    return capture.classifier.head is not None and capture.classifier.head_norm is None


def linear_drops(capture: Capture) -> ChannelWeights:
    """What each channel's mean adds to the target logit."""
    assert capture.classifier.head is not None
    rows = capture.classifier.head.weight.detach()[capture.batch.targets]
    return rows * capture.activations.mean((2, 3))


def forwarded_drops(capture: Capture) -> ChannelWeights:
    """How much the target logit drops without each channel, by forwards."""
    drops = torch.zeros_like(capture.activations[:, :, 0, 0])
    for trial, (activations, target) in enumerate(
        zip(capture.activations, capture.batch.targets, strict=True)
    ):
        channels = activations.flatten(1).any(1).nonzero().squeeze(1)
        if len(channels):
            left = logits_without(capture, trial, activations, channels)[:, target]
            drops[trial, channels] = capture.logits[trial, target] - left
    return drops


def logits_without(capture: Capture, trial: int, activations: Tensor, channels: Tensor) -> Tensor:
    """(n, C): class scores of one trial without each of n channels of its activations, (K, h, w)."""

    def build(k: Indices) -> Grid:
        grids = activations.repeat(len(k), 1, 1, 1)
        grids[torch.arange(len(k), device=k.device), channels[k]] = 0
        return grids

    return capture.logits_with(trial, build, len(channels))
