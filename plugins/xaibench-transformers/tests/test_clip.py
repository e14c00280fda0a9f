import pytest
import torch
import transformers
from tiny import NAMES, save_clip
from xaibench_explainers.grad_cam import grad_cam
from xaibench_transformers.clip import ZeroShot, clip_model

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny CLIP with random weights and a tokenizer of single letters."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    save_clip(folder)
    return folder


@pytest.fixture(scope="module")
def classifier(folder):
    return clip_model(str(folder), class_names=NAMES)


@pytest.fixture
def batch():
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return Batch(("a", "b"), images, torch.tensor([0, 2]))


def test_logits_are_clips_own(folder, classifier, batch):
    clip = transformers.CLIPModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer([f"a photo of a {name}." for name in NAMES], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = clip(**tokens, pixel_values=batch.images).logits_per_image
    torch.testing.assert_close(classifier.logits(batch.images), expected)
    assert classifier.class_names == NAMES


def test_the_image_tower_is_explained_before_its_last_attention(classifier, batch):
    assert classifier.target_layer.name == "vision_model.encoder.layers.1.layer_norm1"
    capture = Capture(classifier, batch)
    assert capture.activations.shape == (2, 24, 4, 4)
    assert grad_cam(capture).isfinite().all()


def test_prompts_are_of_length_one(classifier):
    network = classifier.network
    assert isinstance(network, ZeroShot)
    torch.testing.assert_close(network.prompts.norm(dim=1), torch.ones(3))


def test_other_prompts_give_other_logits(folder, classifier, batch):
    other = clip_model(str(folder), class_names=NAMES, prompt="a drawing of a {}.")
    assert not torch.allclose(other.logits(batch.images), classifier.logits(batch.images))
