import importlib

import pytest
import torch
import toys
from torch import nn

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed
from xaibench.engine.network.prepare import (
    LAYER_TOLERANCE,
    TOLERANCE,
    largest_difference,
    prepare_network,
)


def test_the_prepared_copy_has_the_same_probabilities():
    classifier = installed().model("scenes-cnn").load()()
    before = classifier.weights_sha()
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    assert prepared.changes.folded == 6
    assert not prepared.why_plain
    images = torch.randn(5, 3, 64, 64)
    plain = classifier.logits(images).softmax(1)
    assert (prepared.forward(images).softmax(1) - plain).abs().max() < TOLERANCE
    assert classifier.weights_sha() == before


def test_timms_norms_keep_their_activation():
    import timm

    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=10).eval()
    classifier = classifier_of(network, (64, 64))
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    assert prepared.changes.folded == 49
    assert prepared.changes.fused == 28
    assert not prepared.why_plain


class Twice(nn.Module):
    """A convolution and its norm, of which something else uses the one named."""

    def __init__(self, uses):
        super().__init__()
        self.convolution, self.norm, self.uses = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), uses
        self.norm.running_mean.copy_(torch.arange(4.0))
        self.norm.running_var.fill_(4)

    def forward(self, images):
        features = self.convolution(images)
        uses = {"output": features, "weight": self.convolution.weight[:, 0].mean((1, 2))[:, None, None]}
        return (self.norm(features) + 5 * uses[self.uses]).mean((2, 3))


@pytest.fixture
def twice(request):
    torch.manual_seed(0)
    return classifier_of(Twice(request.param).eval(), (16, 16))


@pytest.mark.parametrize("twice", ["output"], indirect=True)
def test_a_convolution_that_is_read_twice_stays_as_it_is(twice):
    prepared = prepare_network(twice, torch.zeros(1, 3, 16, 16))
    assert not prepared.why_plain
    assert prepared.changes.folded == 0


@pytest.mark.parametrize("twice", ["weight"], indirect=True)
def test_a_copy_that_differs_is_not_trusted(twice):
    """Folding changes the weight, which the network uses elsewhere: the plain network runs, and why."""
    prepared = prepare_network(twice, torch.zeros(1, 3, 16, 16))
    assert "probabilities differ by" in prepared.why_plain
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(prepared.forward(images), twice.logits(images))


@pytest.mark.parametrize(
    ("library", "name", "folded", "fused"),
    [
        ("timm.models", "resnet18", 20, 9),
        ("timm.models", "resnet50", 53, 33),
        ("torchvision.models", "resnet18", 20, 1),  # its other activations run twice
    ],
)
def test_networks_that_add_to_an_output_in_place_are_prepared(library, name, folded, fused):
    torch.manual_seed(0)
    network = getattr(importlib.import_module(library), name)
    classifier = classifier_of(network(num_classes=10).eval(), (64, 64))
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    assert not prepared.why_plain
    assert (prepared.changes.folded, prepared.changes.fused) == (folded, fused)


def test_a_network_that_cannot_be_copied_runs_plain():
    classifier = toys.model()
    classifier.network.register_forward_hook(lambda *_: None)
    classifier.network.lock = (n for n in "ab")  # generators cannot be copied
    prepared = prepare_network(classifier, torch.zeros(1, 3, 16, 16))
    assert "TypeError" in prepared.why_plain
    assert prepared.forward(torch.zeros(1, 3, 16, 16)).shape == (1, 3)


def test_the_shared_pass_on_the_copy_sees_what_the_plain_network_does():
    classifier = installed().model("scenes-cnn").load()()
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    images = torch.randn(3, 3, 64, 64)
    batch = Batch(("a", "b", "c"), images, classifier.logits(images).argmax(1))
    plain = Capture(classifier, batch)
    sooner = Capture(classifier, batch, SharedPass(prepared.classifier, batch.images))
    for ours, theirs in ((sooner.activations, plain.activations), (sooner.gradients, plain.gradients)):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_the_copys_head_and_target_layer_are_parts_of_its_network():
    """Else a plugin that hooks one of them would wait for what never runs."""
    classifier = installed().model("scenes-cnn").load()()
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64)).classifier
    parts = set(prepared.network.modules())
    assert classifier.head is not None
    assert prepared.head in parts
    assert prepared.target_layer.module in parts


def test_a_target_layer_between_convolution_and_norm_is_not_folded():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network[1].running_mean.copy_(torch.arange(4.0))
    classifier = classifier_of(network.eval(), (16, 16), target_layer="0")
    prepared = prepare_network(classifier, torch.zeros(1, 3, 16, 16))
    assert prepared.changes.folded == 0
    assert not prepared.why_plain
    assert prepared.classifier.network is not network


def test_an_activation_that_differs_is_not_trusted(monkeypatch):
    monkeypatch.setattr("xaibench.engine.network.prepare.fold_batch_norms", shift_the_first_layer)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.Conv2d(4, 2, 14), nn.Flatten())
    classifier = classifier_of(network.eval(), (16, 16), target_layer="0")
    prepared = prepare_network(classifier, torch.zeros(1, 3, 16, 16))
    assert "activations differ by" in prepared.why_plain
    assert prepared.classifier is classifier


class Passed(SharedPass):
    """A shared pass of four images with these activations and gradients at one layer."""

    def __init__(self, activations, gradients):
        self.outputs, self.gradients, self.logits = [activations], [gradients], torch.eye(4)

    def logit_gradients(self, rows, targets):
        return self.gradients


@pytest.mark.parametrize(
    ("what", "images", "expected"),
    [
        ("activations", [2], 0.5),
        ("gradients", [2], 0),  # a kink, where a unit falls either way
        ("gradients", [0, 1, 3], 0.5),
        ("gradients", [0, 1, 2, 3], 0.5),
    ],
)
def test_gradients_may_differ_in_one_image_and_activations_in_none(what, images, expected):
    exact = {"activations": torch.full((4, 2, 3), 2.0), "gradients": torch.full((4, 2, 3), -2.0)}
    copied = {name: values.clone() for name, values in exact.items()}
    copied[what][images, 1, 2] += 1
    assert largest_difference(Passed(**copied), Passed(**exact)) == pytest.approx(expected)


def test_a_layer_of_zeros_differs_by_nothing():
    zeros = torch.zeros(4, 2)
    assert largest_difference(Passed(zeros, zeros), Passed(zeros, zeros)) == 0


def test_a_layer_that_is_no_number_is_not_trusted():
    zeros, wrong = torch.zeros(4, 2), torch.full((4, 2), torch.nan)
    for parts in ((wrong, zeros), (zeros, wrong)):
        assert not largest_difference(Passed(*parts), Passed(zeros, zeros)) <= LAYER_TOLERANCE


def test_a_network_with_kernels_of_three_dimensions_is_prepared():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.relu, self.deep = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv3d(1, 1, 3)

        def forward(self, images):
            return self.deep(self.relu(self.first(images))[:, None]).mean((3, 4))[:, 0]

    torch.manual_seed(0)
    classifier = classifier_of(Deep().eval(), (16, 16), target_layer="first")
    assert not prepare_network(classifier, torch.zeros(1, 3, 16, 16)).why_plain


def shift_the_first_layer(network, image, spared):
    """The norm after it takes the shift away again, so that no probability tells."""
    network[0].bias.add_(1)
    return 0
