"""Each family of the transformers library, by a tiny member."""

from pathlib import Path

import pytest
import torch
import transformers
from tiny import CVT, KINDS, SIDE, SMALL, save
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.layer_cam import layer_cam
from xaibench_transformers.classifiers import Classifying, transformers_model

from xaibench.api import PluginError
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass

EXPECTED = {  # target layer, side of the grid, whether CAM is exact
    "ViT": ("layernorm_before", 4, False),
    "DeiT": ("layernorm_before", 4, False),
    "DeiT with teacher": ("layernorm_before", 4, False),
    "Swin": ("layernorm", 4, True),
    "ConvNeXt": ("stages.2", 4, True),
    "BEiT": ("", 4, True),
    "DINOv2": ("layernorm", 4, False),
    "DINOv2 with registers": ("layernorm", 4, False),
    "CvT": ("layernorm_before", 4, False),
}


@pytest.fixture(scope="module", params=KINDS)
def family(request, tmp_path_factory):
    """A classifier of each family, and what is expected of it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("saved")
    network = save(request.param, folder)
    return transformers_model(str(folder)), network, EXPECTED[request.param]


@pytest.fixture
def images():
    return torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_the_target_layer_the_grid_and_the_head_are_found(family, images):
    classifier, _, (layer, side, exact) = family
    assert classifier.target_layer.name.endswith(layer)
    batch = Batch(("a", "b", "c"), images, torch.tensor([0, 1, 4]))
    assert Capture(classifier, batch).activations.shape[2:] == (side, side)
    assert (classifier.head is not None) is exact


def test_logits_are_the_librarys_own(family, images):
    classifier, network, _ = family
    with torch.no_grad():
        expected = network(pixel_values=images).logits
    torch.testing.assert_close(classifier.logits(images), expected)


@pytest.mark.parametrize("explainer", [grad_cam, layer_cam])
def test_maps_are_finite_and_batch_equals_loop(family, images, explainer):
    classifier, _, _ = family
    batch = Batch(("a", "b", "c"), images, torch.tensor([0, 1, 4]))
    maps = explainer(Capture(classifier, batch))
    assert maps.isfinite().all()
    for i in range(3):
        (alone,) = explainer(Capture(classifier, batch.select([i])))
        torch.testing.assert_close(alone, maps[i], rtol=1e-3, atol=1e-5)


def test_gradients_reach_the_cells(family, images):
    classifier, _, _ = family
    batch = Batch(("a", "b", "c"), images, torch.tensor([0, 1, 4]))
    assert (Capture(classifier, batch).gradients.abs().amax((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("cell", [(0, 3), (3, 1), (2, 0)])
def test_the_grid_is_upright(family, images, cell):
    """Where a patch is changed, the activations change most, or beside it where patches overlap."""
    classifier, _, _ = family
    y, x = (16 * place for place in cell)
    changed = images[:1].clone()
    changed[:, :, y : y + 16, x : x + 16] = 4 * torch.rand(3, 16, 16) - 2
    plain, planted = (activations(classifier, image) for image in (images[:1], changed))
    change = (planted - plain).abs().sum(1)[0]
    found = divmod(int(change.argmax()), 4)
    assert max(abs(a - b) for a, b in zip(found, cell, strict=True)) <= 1  # no transposed grid passes


def activations(classifier, images):
    (output,) = SharedPass(classifier, images).outputs
    return classifier.target_layer.to_grid(output.detach())


def test_the_processor_says_how_images_are_prepared(family):
    classifier, _, _ = family
    assert classifier.preprocess.size == (SIDE, SIDE)
    assert classifier.preprocess.mean == (0.5, 0.5, 0.5)
    assert classifier.preprocess.interpolation == "bicubic"


def test_cvts_gradient_is_right_in_a_batch_of_one_too(images):
    """Against finite differences: transformers' own is not, so a single image goes in twice."""
    torch.manual_seed(0)
    kind = transformers.CvtForImageClassification
    network = kind(kind.config_class(**CVT)).double().eval()
    for weight in network.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.2)
    image = images[:1].double()
    ours = Classifying(network)
    direction = torch.randn(image.shape, dtype=torch.double)
    step = 1e-6 * direction
    with torch.no_grad():
        slope = (ours(image + step)[0, 1] - ours(image - step)[0, 1]) / 2e-6
    given = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(ours(given)[0, 1], given)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-5, atol=1e-7)
    (theirs,) = torch.autograd.grad(network(pixel_values=given).logits[0, 1], given)
    assert not torch.allclose((theirs * direction).sum(), slope, rtol=1e-2)  # else this can go


def test_what_cannot_be_loaded_is_named_with_the_cure(tmp_path):
    with pytest.raises(PluginError, match=r"cannot be loaded by transformers: .*Name a folder"):
        transformers_model(str(tmp_path))


def test_a_pickle_in_a_checkpoint_runs_no_code(tmp_path):
    kind = transformers.ViTForImageClassification
    kind(kind.config_class(**SMALL)).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    left = tmp_path / "left"
    torch.save({"classifier.weight": Malice(left)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(PluginError):
        transformers_model(str(tmp_path))
    assert not left.exists()


class Malice:
    """Leaves a file where a pickle of it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")
