"""CBAM, the convolutional block attention module. Woo et al. 2018, arXiv:1807.06521.

As printed in the paper: the spatial convolution has no normalisation behind it. The authors' code and
timm's `CbamModule` have a batch norm there; with that norm set to the identity and the same weights,
timm's gives the same.
"""

import torch
from torch import Tensor, nn

REDUCTION, KERNEL = 16, 7


class ChannelAttention(nn.Module):
    """Eq. 2: each channel times sigmoid(MLP(its mean) + MLP(its maximum)), one MLP for both.

    Args:
        channels: K.
        reduction: the MLP has K / reduction hidden units, at least one.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.act = nn.ReLU()
        self.excite = nn.Linear(hidden, channels, bias=False)

    def weights(self, features: Tensor) -> Tensor:
        """(B, K, h, w) to (B, K), each in (0, 1)."""
        pooled = torch.stack([features.mean((2, 3)), features.amax((2, 3))])
        return self.excite(self.act(self.squeeze(pooled))).sum(0).sigmoid()  # type: ignore[no-any-return]

    def forward(self, features: Tensor) -> Tensor:
        """(B, K, h, w) to the same, each channel weighted."""
        return features * self.weights(features)[..., None, None]


class SpatialAttention(nn.Module):
    """Eq. 3: each cell times sigmoid(7 x 7 convolution of the channels' mean and maximum there)."""

    def __init__(self, kernel: int = KERNEL) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def weights(self, features: Tensor) -> Tensor:
        """(B, K, h, w) to (B, h, w), each in (0, 1)."""
        pooled = torch.stack([features.mean(1), features.amax(1)], 1)
        return self.conv(pooled)[:, 0].sigmoid()  # type: ignore[no-any-return]

    def forward(self, features: Tensor) -> Tensor:
        """(B, K, h, w) to the same, each cell weighted."""
        return features * self.weights(features)[:, None]


class CBAM(nn.Module):
    """Eq. 1: channel attention, then spatial attention of what that gives.

    Args:
        channels: K.
        reduction: of the channel attention's hidden units; 16 in the paper.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction)
        self.spatial = SpatialAttention()

    def forward(self, features: Tensor) -> Tensor:
        """(B, K, h, w) to the same."""
        refined: Tensor = self.spatial(self.channel(features))
        return refined
