import pytest
import torch
from xaibench_datasets.scenes import VALIDATION, draw
from xaibench_models.scenes_networks import scenes_cnn_network, scenes_vit_network

from xaibench.engine.discovery.registry import installed


@pytest.mark.parametrize("make", [scenes_cnn_network, scenes_vit_network])
def test_at_least_95_of_100_scenes_are_named_right(make):
    """Scenes of the validation seed, which are not trained on, beyond those the script reports."""
    images, targets, _ = draw(range(5000, 6000), VALIDATION)
    with torch.inference_mode():
        found = torch.cat([make()(part.float() / 127.5 - 1).argmax(1) for part in images.split(250)])
    assert (found == targets).float().mean() >= 0.95


def test_the_cnn_is_explained_where_cam_is_exact():
    classifier = installed().model("scenes-cnn").load()()
    assert classifier.target_layer.name == "features"
    assert classifier.head is classifier.network.fc


def test_the_vit_is_explained_before_its_last_attention():
    classifier = installed().model("scenes-vit").load()()
    assert classifier.target_layer.name == "blocks.3.norm1"
    assert classifier.head is None
