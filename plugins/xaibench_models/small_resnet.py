"""A residual network of three blocks, plain or with attention. He et al. 2015, arXiv:1512.03385."""

from timm.layers import create_attn
from torch import Tensor, nn

from xaibench.api import PluginError
from xaibench_models.cbam import CBAM

STEM = 16
WIDTHS, STRIDES = (32, 64, 64), (2, 2, 1)
PLAIN, OURS = "none", "cbam"
REDUCTION = 8  # the paper's 16 would leave the first block's attention two hidden units


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a skip connection; attention before the sum, as in CBAM's fig. 3."""

    def __init__(self, before: int, after: int, stride: int, attention: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.attention = attention_called(attention, after)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.skip = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )
        self.act2 = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, before, h, w) to (B, after, h / stride, w / stride)."""
        inner = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(features)))))
        outer: Tensor = self.act2(self.attention(inner) + self.skip(features))
        return outer


class SmallResNet(nn.Module):
    """A strided convolution, three residual blocks to an eighth of the side, their mean, a linear layer.

    Args:
        classes: how many.
        attention: "none", "cbam" (ours), or what timm calls an attention layer, such as "se" or "eca".
    """

    def __init__(self, classes: int, attention: str = PLAIN) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU()
        )
        pairs = zip((STEM, *WIDTHS), WIDTHS, STRIDES, strict=False)
        self.blocks = nn.Sequential(*(Block(*pair, attention) for pair in pairs))
        self.fc = nn.Linear(WIDTHS[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to logits, (B, classes)."""
        logits: Tensor = self.fc(self.blocks(self.stem(images)).mean((2, 3)))
        return logits


def attention_called(name: str, channels: int) -> nn.Module:
    """An attention layer for `channels` channels: (B, K, h, w) to the same.

    Raises:
        PluginError: neither we nor timm have such a layer, or it does not fit into a block.
    """
    if name == PLAIN:
        return nn.Identity()
    if name == OURS:
        return CBAM(channels, REDUCTION)
    try:
        module: nn.Module = create_attn(name.removeprefix("timm-"), channels)
    except Exception as error:  # an unknown name is an AssertionError, and some want other arguments
        raise PluginError(
            f"no attention layer called {name!r} fits: {type(error).__name__}: {error}; "
            "there are none, cbam, and timm's se, ese, eca, ceca, ge, gc, coord, timm-cbam and others"
        ) from error
    return module


def small_resnet(classes: int, size: int, name: str = PLAIN) -> SmallResNet:
    """An untrained one, drawn from torch's generator; of any size of image.

    Args:
        classes: how many.
        size: side of the square images.
        name: of its attention.
    """
    return SmallResNet(classes, name)
