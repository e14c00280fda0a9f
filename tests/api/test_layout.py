import pytest
import timm
import torch
from torch import nn

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import CHANNELS_LAST
from xaibench.api.layout import channels_first, halvings, layouts_of
from xaibench.api.resolve import classifier_of


def read(*shapes, image=(224, 224), network=None, module=None):
    outputs = [(module or nn.ReLU(), torch.zeros(shape)) for shape in shapes]
    return layouts_of(network or nn.Module(), outputs, image)[-1]


@pytest.mark.parametrize(
    ("shape", "layout", "grid"),
    [
        ((1, 512, 7, 7), "channels first", (7, 7)),
        ((1, 7, 7, 512), "channels last", (7, 7)),
        ((1, 3, 197, 64), None, None),  # heads, tokens, width of a head
        ((1, 512, 1, 1), None, None),
    ],
)
def test_the_axes_that_are_as_wide_to_each_other_as_the_image_are_the_grid(shape, layout, grid):
    found = read(shape)
    assert (found and found.name, found and found.grid) == (layout, grid)


def test_an_oblong_image_tells_rows_from_columns():
    assert read((1, 8, 4, 3), image=(32, 24)).grid == (4, 3)
    assert read((1, 4, 3, 8), image=(32, 24)).name == "channels last"


def test_where_shapes_do_not_tell_the_module_does():
    assert read((1, 56, 56, 56)).name == "channels first"
    assert read((1, 56, 56, 56), module=nn.LayerNorm(56)).name == "channels last"


def test_tokens_take_the_grid_they_were_made_of_or_one_that_it_was_halved_to():
    assert read((1, 64, 8, 6), (1, 48, 64), image=(32, 24)).grid == (8, 6)
    assert read((1, 64, 8, 6), (1, 12, 64), image=(32, 24)).grid == (4, 3)
    assert read((1, 64, 14, 14), (1, 16, 64)).grid == (4, 4)  # 14, 7, 4


def test_tokens_no_grid_was_seen_for_are_not_guessed_to_be_square():
    assert read((1, 8, 4, 3), (1, 16, 8), image=(32, 24)) is None
    assert read((1, 25, 8), image=(32, 24)) is None


def test_a_network_without_grids_cuts_the_image_into_square_patches():
    assert read((1, 12, 8), image=(32, 24)).grid == (4, 3)


@pytest.mark.parametrize("prefix", [0, 1, 2])
def test_class_and_distillation_tokens_are_left_out(prefix):
    layout = read((1, 64, 14, 14), (1, prefix + 196, 64))
    tokens = torch.arange(prefix + 196.0).view(1, -1, 1)
    assert layout.name == "tokens"
    assert layout.to_grid(tokens)[0, 0, 0, 0] == prefix
    assert layout.to_grid(tokens)[0, 0, 1, 0] == prefix + 14  # row by row


def test_registers_are_known_where_the_network_says_so():
    network = nn.Module()
    network.num_prefix_tokens = 5
    assert read((1, 64, 14, 14), (1, 201, 64), network=network).grid == (14, 14)
    assert read((1, 64, 14, 14), (1, 201, 64)) is None


def test_halving_rounds_up():
    assert halvings((14, 11)) == [(14, 11), (7, 6), (4, 3), (2, 2)]


def test_channels_last_is_turned_and_not_transposed():
    output = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    grid = channels_first(output)
    assert grid.shape == (2, 5, 3, 4)
    assert grid[1, 4, 2, 0] == output[1, 2, 0, 4]


def test_a_grid_of_channels_last_that_is_not_square_is_upright():
    torch.manual_seed(0)
    network = timm.create_model("swin_tiny_patch4_window7_224", img_size=(64, 96), window_size=2)
    classifier = classifier_of(network.eval(), (64, 96))
    images = torch.rand(1, 3, 64, 96)
    capture = Capture(classifier, Batch(("a",), images, torch.tensor([5])))
    assert classifier.target_layer.layout == CHANNELS_LAST
    assert capture.activations.shape == (1, 768, 2, 3)
