from importlib.resources import files

import pytest
import torch
from xaibench_models.scenes_networks import (
    SmallCNN,
    load_weights,
    scenes_cnn_network,
    scenes_vit_network,
    small_vit,
)

MEBIBYTE = 2**20
BOTH = pytest.mark.parametrize(
    ("name", "make", "load"),
    [("scenes_cnn", SmallCNN, scenes_cnn_network), ("scenes_vit", small_vit, scenes_vit_network)],
)


@BOTH
def test_the_weights_are_the_networks_own_and_no_others(name, make, load):
    weights = load_weights(name)
    shapes = {key: tensor.shape for key, tensor in make().state_dict().items()}
    assert {key: tensor.shape for key, tensor in weights.items()} == shapes
    loaded = load().state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in weights.items())


@BOTH
def test_networks_come_ready_to_be_explained(name, make, load):
    network = load()
    assert not any(module.training for module in network.modules())


@BOTH
def test_a_weight_file_stays_small(name, make, load):
    path = files("xaibench_models") / "weights" / f"{name}.safetensors"
    assert len(path.read_bytes()) < 5 * MEBIBYTE


def test_the_cnn_ends_in_an_averaged_map_and_one_linear_layer():
    network = scenes_cnn_network()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = network.features(images)
        assert features.shape == (2, 128, 8, 8)
        torch.testing.assert_close(network(images), network.fc(features.mean((2, 3))))


def test_the_vit_reads_a_class_token_over_eight_by_eight_patches():
    network = scenes_vit_network()
    assert network.patch_embed.grid_size == (8, 8)
    assert network.num_prefix_tokens == 1
    assert network.global_pool == "token"
    assert isinstance(network.blocks[-1].norm1, torch.nn.LayerNorm)
    with torch.inference_mode():
        tokens = network.forward_features(torch.zeros(2, 3, 64, 64))
    assert tokens.shape == (2, 65, 128)
