"""Score-CAM. Wang et al. 2020, arXiv:1910.01279."""

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample, weighted_sum
from xaibench.api.types import ChannelWeights, Curves, GridMaps, Images, Indices
from xaibench.api.variants import Asks, Variants


def score_cam(capture: Capture, most: int = 0) -> Asks[GridMaps]:
    """ReLU of the channels' sum, weighted by the softmax of what the class scores under each.

    Algorithm 1: each channel is upsampled, rescaled to [0, 1] and multiplied with the image; the
    target logits of the products, softmaxed over the channels, are the weights. The score of the
    paper's baseline image is the same for all channels and cancels in the softmax. A constant
    channel masks everything: it has no weight and costs no forward.

    Args:
        capture: the trials.
        most: only so many channels of each image, those of the largest spread (maximum less minimum),
            which approximates the map: what the others would add is small; 0: all that vary.
    """
    images, activations = capture.batch.images, capture.activations
    spread = activations.amax((2, 3)) - activations.amin((2, 3))
    channels = spread.argsort(dim=1, descending=True, stable=True)  # constant ones last
    counts = (spread > 0).sum(1).clamp(max=most or spread.shape[1])

    def build(row: int, k: Indices) -> Images:
        masks = rescale(upsample(activations[row, channels[row, k]], images.shape[2:]))
        return images[row] * masks[:, None]

    logits = yield Variants(build, count=counts.tolist(), score="logit", any_class=True)
    weights = channel_weights(logits, channels[:, : logits.shape[1]], activations.shape[1])
    return weighted_sum(weights, activations).relu()


def channel_weights(logits: Curves, channels: Tensor, count: int) -> ChannelWeights:
    """Softmax of each image's logits, put at the channels they belong to; NaN has weight 0."""
    scores = logits.masked_fill(logits.isnan(), -torch.inf)
    weights = scores.softmax(1).nan_to_num(0)  # an image with no channel that varies: all zero
    return weights.new_zeros(len(weights), count).scatter(1, channels, weights)
