"""The check that the survey makes of a grid passes what is read rightly, and fails what is not."""

from functools import partial

import pytest
import torch
from nets import vit_network
from torch import Tensor, nn

from xaibench.api.classifier import CHANNELS_FIRST, CHANNELS_LAST, TOKENS, Classifier, TargetLayer, as_is
from xaibench.api.layout import channels_first
from xaibench.api.maps import tokens_to_grid
from xaibench.testing.models.grid_orientation import SURE, cell_at, margin, other_readings, plant

OBLONG, SQUARE = (32, 24), (32, 32)
PATCH = 8
DRAWS = 2
WIDE = 8  # draws of a network that blurs patches over the whole grid


class Planes(nn.Module):
    """Patches embedded, mixed with their neighbours and with all; channels first, or last."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 12, PATCH, PATCH)
        self.mix = nn.Conv2d(12, 12, 3, padding=1)
        self.last = last
        self.out, self.head = nn.Identity(), nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        cells = torch.relu(self.embed(images))
        cells = cells + torch.tanh(self.mix(cells)) + cells.mean((2, 3), keepdim=True)
        cells = self.out(cells.permute(0, 2, 3, 1) if self.last else cells)
        return self.head(cells.mean((1, 2) if self.last else (2, 3)))


class Deep(nn.Module):
    """Seven convolutions on a coarse grid: a receptive field is as wide as the image."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(24, 24, 3, padding=1) for _ in range(6)]
        layers = [nn.Conv2d(3, 24, PATCH, PATCH), *convolutions]
        self.out = nn.Sequential(*(step for layer in layers for step in (layer, nn.ReLU())))
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.head = nn.Linear(24, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.out(images).mean((2, 3)))


class Scrambled(nn.Module):
    """A grid by its shape alone: each cell is made of all pixels by weights of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.head = nn.Linear(3 * 32 * 32, 12 * 16), nn.Linear(12, 4)
        self.out = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.out(self.mix(images.flatten(1)).view(-1, 12, 4, 4)).mean((2, 3)))


class Blind(Scrambled):
    """A grid whose cells are all the same."""

    def forward(self, images: Tensor) -> Tensor:
        return self.head(
            self.out(images.mean((1, 2, 3)).view(-1, 1, 1, 1).expand(-1, 12, 4, 4)).mean((2, 3))
        )


def seen(make, layout, to_grid, size):
    """How surely `to_grid` is right, of a layer called `out` or of a ViT's last tokens."""
    planted = []
    for draw in range(WIDE if make is Deep else DRAWS):
        torch.manual_seed(draw)
        network = make().eval()
        module = network.get_submodule("out" if hasattr(network, "out") else "blocks.1.norm1")
        layer = TargetLayer("out", module, to_grid, layout)
        planted.append(plant(Classifier(network, (layer,)), size, draw))
    return margin(planted, layout)


def tokens(prefix, grid=(4, 3)):
    return partial(tokens_to_grid, prefix=prefix, grid=grid)


def then(to_grid, change):
    return lambda output: change(to_grid(output))


def swapped(grid):
    return grid.transpose(2, 3)


def flipped(*axes):
    return lambda grid: grid.flip(axes)


def late(output, prefix):
    """As many tokens as there are cells, some places too far on; the last again where none is left."""
    moved = torch.cat([output[:, prefix:], output[:, -1:].expand(-1, prefix, -1)], 1)
    return tokens_to_grid(moved[:, :12], prefix=0, grid=(4, 3))


def early(output, prefix):
    """As many tokens as there are cells, from `prefix` on: too soon, class token and all."""
    return tokens_to_grid(output[:, prefix : prefix + 12], prefix=0, grid=(4, 3))


RIGHT = {
    "tokens, oblong": (vit_network, TOKENS, tokens(1), OBLONG),
    "channels last, oblong": (partial(Planes, True), CHANNELS_LAST, channels_first, OBLONG),
    "channels last, square": (partial(Planes, True), CHANNELS_LAST, channels_first, SQUARE),
    "channels first, oblong": (partial(Planes, False), CHANNELS_FIRST, as_is, OBLONG),
    "channels first, wide": (Deep, CHANNELS_FIRST, as_is, (56, 56)),
    "channels first, wide, oblong": (Deep, CHANNELS_FIRST, as_is, (56, 40)),
}


@pytest.mark.parametrize(("make", "layout", "to_grid", "size"), RIGHT.values(), ids=RIGHT)
def test_what_is_read_rightly_is_upright(make, layout, to_grid, size):
    assert seen(make, layout, to_grid, size).errors >= SURE


@pytest.mark.parametrize(("make", "layout", "to_grid", "size"), RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (flipped(2), "upside down"),
        (flipped(3), "mirrored"),
        (flipped(2, 3), "upside down and mirrored"),
        (swapped, "transposed"),
    ],
)
def test_flips_and_transpositions_are_found_and_named(make, layout, to_grid, size, change, name):
    found = seen(make, layout, then(to_grid, change), size)
    assert found.errors <= -SURE
    if layout != TOKENS:  # of tokens, another reading may come near enough to the same
        assert found.other == name


@pytest.mark.parametrize(
    ("to_grid", "name"),
    [
        (partial(early, prefix=0), "shifted by -1"),
        (partial(late, prefix=2), "shifted by +1"),
        (partial(late, prefix=3), "shifted by +2"),
    ],
)
def test_tokens_that_are_miscounted_are_found_and_named(to_grid, name):
    found = seen(vit_network, TOKENS, to_grid, OBLONG)
    assert found.errors <= -SURE
    assert found.other == name


@pytest.mark.parametrize(
    "to_grid",
    [
        tokens(1, (3, 4)),
        tokens(1, (2, 6)),
        tokens(1, (6, 2)),
        lambda output: swapped(tokens(1, (3, 4))(output)),  # column by column
    ],
)
def test_tokens_in_rows_of_a_wrong_length_are_found(to_grid):
    assert seen(vit_network, TOKENS, to_grid, OBLONG).errors < -SURE / 2  # 12 cells are few


def test_tokens_read_in_windows_are_found():
    def windows(output):
        grid = output[:, 1:].view(-1, 2, 2, 2, 2, output.shape[2])
        return grid.transpose(2, 3).reshape(-1, 4, 4, output.shape[2]).permute(0, 3, 1, 2)

    def square_vit():
        from timm.models.vision_transformer import VisionTransformer

        return VisionTransformer(32, PATCH, num_classes=4, embed_dim=12, depth=2, num_heads=3)

    assert seen(square_vit, TOKENS, tokens(1, (4, 4)), SQUARE).errors >= SURE
    found = seen(square_vit, TOKENS, windows, SQUARE)
    assert found.errors <= -SURE
    assert found.other == "in windows of 2 x 2"


@pytest.mark.parametrize("make", [Scrambled, Blind])
def test_a_grid_without_places_is_not_shown_to_be_upright(make):
    assert not seen(make, CHANNELS_FIRST, as_is, SQUARE).errors >= SURE  # not a number passes neither


def test_readings_are_those_of_a_picture_that_is_turned():
    picture = torch.arange(9).view(3, 3)
    readings = other_readings((3, 3), CHANNELS_FIRST)
    assert {name: reading.view(3, 3).tolist() for name, reading in readings.items()} == {
        "mirrored": picture.flip(1).tolist(),
        "upside down": picture.flip(0).tolist(),
        "upside down and mirrored": picture.rot90(2).tolist(),
        "transposed": picture.T.tolist(),
        "transposed and mirrored": turned_places(picture, mirrored=True),
        "transposed and upside down": turned_places(picture, mirrored=False),
        "transposed and upside down and mirrored": picture.rot90(2).T.tolist(),
    }


def turned_places(picture, mirrored):
    """The place (row, column) of each cell exchanged, then one of the two counted from the other end."""
    rows, columns = [], range(3)
    for y in range(3):
        places = [(x, 2 - y) if mirrored else (2 - x, y) for x in columns]
        rows.append([int(picture[place]) for place in places])
    return rows


def test_a_place_of_the_image_lies_in_the_cell_around_it():
    down, right = torch.tensor([0.1, 0.9]), torch.tensor([0.5, 0.9])
    assert cell_at(down, right, (4, 3)).tolist() == [1, 11]
