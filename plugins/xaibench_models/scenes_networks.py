"""Two small networks for 64 x 64 scenes, and their weights, trained by `research/scenes/train.py`."""

from importlib.resources import as_file, files

from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

CLASSES = 10
WIDTHS = (24, 40, 64, 64, 96, 128)
STRIDES = (2, 2, 1, 1, 2, 1)
TOKEN = 128  # width of the ViT
STEM = 12  # modules of the CNN that make the ViT's stem: its first four convolutions


class SmallCNN(nn.Module):
    """Six convolutions to (B, 128, 8, 8), their mean, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in zip((3, *WIDTHS), WIDTHS, STRIDES, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(WIDTHS[-1], CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 64, 64) to logits, (B, 10)."""
        logits: Tensor = self.fc(self.features(images).mean((2, 3)))
        return logits


class ConvolutionalStem(nn.Module):
    """The CNN's first four convolutions and one more: (B, 3, 64, 64) to 8 x 8 tokens."""

    def __init__(self) -> None:
        super().__init__()
        early = list(SmallCNN().features[:STEM])
        self.proj = nn.Sequential(*early, nn.Conv2d(WIDTHS[3], TOKEN, 3, 2, 1))
        self.grid_size = (8, 8)
        self.num_patches = 64

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 64, 64) to (B, 64, 128), row by row."""
        tokens: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return tokens


def small_vit() -> VisionTransformer:
    """A class-token ViT of four blocks on a convolutional stem."""
    network = VisionTransformer(
        img_size=64,
        patch_size=8,
        num_classes=CLASSES,
        embed_dim=TOKEN,
        depth=4,
        num_heads=4,
        mlp_ratio=3,
        class_token=True,
        global_pool="token",
        fc_norm=False,
    )
    network.patch_embed = ConvolutionalStem()
    return network


def load_weights(name: str) -> dict[str, Tensor]:
    """The weights called `name`, "scenes_cnn" or "scenes_vit"."""
    with as_file(files("xaibench_models") / "weights" / f"{name}.safetensors") as path:
        return load_file(path)


def scenes_cnn_network() -> SmallCNN:
    """The CNN with its weights."""
    network = SmallCNN()
    network.load_state_dict(load_weights("scenes_cnn"))
    return network.eval()


def scenes_vit_network() -> VisionTransformer:
    """The ViT with its weights."""
    network = small_vit()
    network.load_state_dict(load_weights("scenes_vit"))
    return network.eval()
