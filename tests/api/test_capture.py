from collections import Counter

import nets
import pytest
import torch
from torch import nn
from xaibench_explainers.cam import cam
from xaibench_explainers.conceptor_cam import conceptor_cam
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.grad_cam_plus_plus import grad_cam_plus_plus
from xaibench_explainers.layer_cam import layer_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.errors import PluginError


@pytest.fixture
def calls(monkeypatch) -> Counter:
    """Counts forwards of a network's layers and backward passes."""
    counted: Counter = Counter()
    real = torch.autograd.grad

    def grad(*arguments, **settings):
        counted["backward"] += 1
        return real(*arguments, **settings)

    monkeypatch.setattr(torch.autograd, "grad", grad)
    return counted


def count_forwards(network: nn.Module, calls: Counter) -> None:
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) or name == "":
            module.register_forward_pre_hook(lambda *_, name=name: calls.update([name]))


def test_four_explainers_share_one_forward_and_one_backward(batch, calls):
    classifier = nets.gap()
    count_forwards(classifier.network, calls)
    capture = Capture(classifier, batch)
    for explainer in (cam, grad_cam, grad_cam_plus_plus, layer_cam):
        explainer(capture)
    assert calls == {"": 1, "0": 1, "4": 1, "backward": 1}
    assert capture.shared.backwards == 1


def test_conceptor_cam_adds_one_backward_for_the_rival_and_no_forward(batch, calls):
    classifier = nets.gap()
    count_forwards(classifier.network, calls)
    capture = Capture(classifier, batch)
    grad_cam(capture)
    conceptor_cam(capture)
    assert calls == {"": 1, "0": 1, "4": 1, "backward": 2}


def test_a_network_that_runs_an_image_twice_has_a_row_for_each_trial_all_the_same(batch):
    class Twice(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(torch.cat([images, images]))[: len(images)]

    plain = nets.gap()
    classifier = Classifier(Twice(plain.network), plain.target_layers)
    once, twice = (Capture(found, batch) for found in (plain, classifier))
    for ours, theirs in ((twice.activations, once.activations), (twice.gradients, once.gradients)):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs)


def test_several_classes_of_an_image_share_its_forward(classifier, batch, calls):
    count_forwards(classifier.network, calls)
    shared = SharedPass(classifier, batch.images)
    rows = [0, 0, 1, 2, 0]
    targets = torch.tensor([0, 1, 3, 2, 3])
    trials = Batch(tuple("aabca"), batch.images[rows], targets)
    together = Capture(classifier, trials, shared, rows)
    gradients = together.gradients
    assert calls[""] == 1
    assert calls["backward"] == 3  # the first image is asked about three times
    alone = Capture(classifier, trials)
    torch.testing.assert_close(gradients, alone.gradients)
    torch.testing.assert_close(together.activations, alone.activations)


def test_gradients_are_those_of_the_uncut_network(classifier, batch):
    """Plain autograd through a leaf image, the layer's output kept by a hook."""
    layer, kept = classifier.target_layer, []
    network = classifier.network.eval()
    hook = layer.module.register_forward_hook(lambda _m, _a, output: kept.append(output) or output * 1.0)
    logits = network(batch.images.clone().requires_grad_().clone())
    hook.remove()
    logit = logits.gather(1, batch.targets[:, None]).sum()
    (expected,) = torch.autograd.grad(logit, kept[0])
    capture = Capture(classifier, batch)
    torch.testing.assert_close(capture.gradients, layer.to_grid(expected))
    torch.testing.assert_close(capture.activations, layer.to_grid(kept[0].detach()))


def test_two_target_layers_take_one_backward(batch, calls):
    classifier = nets.two_layers()
    shallow, deep = Capture(classifier, batch).layer_gradients
    assert calls["backward"] == 1
    for layer, found in zip(classifier.target_layers, (shallow, deep), strict=True):
        alone = Capture(Classifier(classifier.network, (layer,)), batch)
        torch.testing.assert_close(found, alone.gradients)


def test_batch_equals_loop(classifier, batch):
    together = Capture(classifier, batch)
    for i in range(3):
        alone = Capture(classifier, batch.select([i]))
        torch.testing.assert_close(alone.gradients[0], together.gradients[i])
        torch.testing.assert_close(alone.activations[0], together.activations[i])


def test_an_in_place_layer_after_the_target_layer_does_not_write_to_the_activations(batch):
    classifier = nets.deep()
    activations = Capture(classifier, batch).activations
    network = classifier.network
    expected = network[2](network[1](network[0](batch.images)))
    assert (expected < 0).any()
    torch.testing.assert_close(activations, expected.detach())


def test_an_in_place_first_layer_does_not_write_to_the_images(batch):
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Conv2d(3, 4, 3)

        def forward(self, images):
            return self.features(images.sub_(0.5)).mean((2, 3))

    network = Shifted().to(batch.images)
    before = batch.images.clone()
    Capture(Classifier(network, (TargetLayer("features", network.features),)), batch)
    assert torch.equal(batch.images, before)


def test_the_layers_below_keep_nothing_for_a_backward(batch):
    classifier = nets.deep()
    seen = []
    classifier.network[1].register_forward_hook(lambda _m, _a, output: seen.append(output.requires_grad))
    Capture(classifier, batch)
    assert seen == [False]


def state(network: nn.Module) -> tuple:
    return (
        {name: weight.requires_grad for name, weight in network.named_parameters()},
        {name: module.training for name, module in network.named_modules()},
        {name: len(module._forward_hooks) for name, module in network.named_modules()},
        {name: getattr(module, "inplace", None) for name, module in network.named_modules()},
    )


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_left_as_it_was(classifier, batch, fails):
    network = classifier.network
    network.train()
    next(network.children()).eval()
    next(network.parameters()).requires_grad_(False)
    before = state(network)
    if fails:

        def fail(*_):
            raise RuntimeError("half way")

        *_, last = network.modules()
        last.register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="half way"):
            Capture(classifier, batch)
    else:
        _ = Capture(classifier, batch).gradients
        classifier.logits(batch.images)
    assert state(network) == before


def test_a_dropout_in_training_mode_does_not_make_the_capture_random(batch):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = Classifier(network.double().train(), (TargetLayer("0", network[0]),))
    first, second = (Capture(classifier, batch).logits for _ in range(2))
    assert torch.equal(first, second)


def test_a_layer_that_runs_twice_is_refused_by_name(batch):
    act = nn.ReLU()
    network = nn.Sequential(nn.Conv2d(3, 4, 3), act, nn.Conv2d(4, 4, 3), act, nn.AdaptiveAvgPool2d(1))
    network = nn.Sequential(network, nn.Flatten()).double()
    with pytest.raises(PluginError, match=r"target layer '0.1' ran 2 times"):
        Capture(Classifier(network, (TargetLayer("0.1", act),)), batch)


def test_weights_sha_names_the_weights_and_not_their_place():
    first, second = nets.gap(), nets.gap()
    assert first.weights_sha() == second.weights_sha()
    second.network[0].weight.data[0, 0, 0, 0] += 1e-9
    assert first.weights_sha() != second.weights_sha()
