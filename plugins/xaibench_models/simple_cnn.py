"""The lecture's SimpleCNN: one 3 x 3 convolution of 32 channels and two linear layers."""

from torch import Tensor, nn

CHANNELS, HIDDEN = 32, 128


class SimpleCNN(nn.Module):
    """Convolution, ReLU, 2 x 2 maxima, and two linear layers on all cells.

    The cells are not averaged, so that CAM does not apply; Grad-CAM does, at the activated convolution.

    Args:
        classes: how many.
        size: side of the square images, in pixels.
    """

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(CHANNELS * (size // 2) ** 2, HIDDEN)
        self.hidden_act = nn.ReLU()
        self.fc = nn.Linear(HIDDEN, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) to logits, (B, classes)."""
        pooled = self.pool(self.act(self.conv(images)))
        logits: Tensor = self.fc(self.hidden_act(self.hidden(pooled.flatten(1))))
        return logits


def simple_cnn(classes: int, size: int) -> SimpleCNN:
    """An untrained one, drawn from torch's generator."""
    return SimpleCNN(classes, size)
