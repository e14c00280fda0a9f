"""Activations that the layer before them applies, and biases added at once: the same network, to all."""

import copy

import pytest
import timm
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from xaibench.engine.network.fused import APPLIED, AtOnce, Fused, add_biases_at_once, fuse_activations

ACTIVATIONS = {
    "ReLU": nn.ReLU(inplace=True),
    "ReLU6": nn.ReLU6(),
    "SiLU": nn.SiLU(),
    "Hardswish": nn.Hardswish(),
    "GELU": nn.GELU(),
    "tanh": nn.GELU(approximate="tanh"),
    "timm's": timm.layers.activations.GELU(),
}
IMAGES = 3 * torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def convolutional(activation):
    """One layer as good as any: strided, grouped, padded and dilated, with a bias."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, 2, groups=3), activation, nn.Conv2d(6, 4, 3)).eval()


def linear(activation):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(2), nn.Linear(120, 7), activation, nn.Linear(7, 3)).eval()


def fused_copy(network, **given):
    copied = copy.deepcopy(network)
    return copied, fuse_activations(copied, IMAGES[:1], **given)


@pytest.mark.parametrize("make", [convolutional, linear])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_same_comes_out(make, name):
    network = make(ACTIVATIONS[name])
    copied, count = fused_copy(network)
    assert count == 1
    with torch.inference_mode():
        torch.testing.assert_close(copied(IMAGES), network(IMAGES), rtol=1e-5, atol=1e-6)


def test_every_activation_that_can_be_applied_is_tried_here():
    assert {type(activation).__name__ for activation in ACTIVATIONS.values()} == set(APPLIED)


def test_the_two_are_done_at_once(monkeypatch):
    copied, _ = fused_copy(convolutional(nn.ReLU()))
    monkeypatch.setattr(copied[0].activation, "forward", None)  # which would raise
    with torch.no_grad():
        copied(IMAGES)


def test_gradients_are_those_of_the_two():
    network = convolutional(nn.ReLU())
    copied, _ = fused_copy(network)
    for one in (network, copied):
        one.requires_grad_(False)
    wanted, found = ((IMAGES.clone().requires_grad_(), one) for one in (network, copied))
    for leaf, one in (wanted, found):
        one(leaf).square().sum().backward()
    assert torch.equal(found[0].grad, wanted[0].grad)


def test_weights_that_learn_get_their_gradients():
    copied, _ = fused_copy(convolutional(nn.ReLU()))
    copied(IMAGES).sum().backward()
    assert copied[0].layer.weight.grad.any()


@pytest.mark.parametrize("part", ["layer", "activation"])
@pytest.mark.parametrize("hook", ["register_forward_hook", "register_forward_pre_hook"])
def test_who_hooks_either_sees_it_run(part, hook):
    copied, _ = fused_copy(convolutional(nn.ReLU()))
    seen = []
    getattr(getattr(copied[0], part), hook)(lambda *_: seen.append(part))
    with torch.inference_mode():
        copied(IMAGES)
    assert seen == [part]


def test_in_bfloat16_the_two_run_as_they_were():
    network = linear(nn.GELU())
    copied, _ = fused_copy(network)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(copied(IMAGES), network(IMAGES))


def test_in_float64_the_two_run_as_they_were():
    network = convolutional(nn.ReLU()).double()
    copied = copy.deepcopy(network)
    assert fuse_activations(copied, IMAGES[:1].double()) == 1
    with torch.inference_mode():
        assert torch.equal(copied(IMAGES.double()), network(IMAGES.double()))


def test_what_runs_twice_is_left_alone():
    """One ReLU for all places, as torchvision's residual networks have it, stays in each."""

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.relu = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.ReLU()

        def forward(self, images):
            return self.relu(self.second(self.relu(self.first(images))))

    assert fused_copy(Shared())[1] == 0


def test_a_target_layer_keeps_its_output():
    network = convolutional(nn.ReLU())
    assert fuse_activations(network, IMAGES[:1], spared=[network[0]]) == 0


class Wider(nn.Conv2d):
    """As timm's Conv2dSame, it does more than its arguments say."""

    def forward(self, images):
        return super().forward(nn.functional.pad(images, (1, 1, 1, 1)))


@pytest.mark.parametrize(
    "layer",
    [
        Wider(3, 4, 3),
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_layers_that_do_more_are_left_alone(layer):
    assert fused_copy(nn.Sequential(layer, nn.ReLU()))[1] == 0


def test_both_stay_modules_of_the_network():
    network = convolutional(nn.ReLU())
    copied, _ = fused_copy(network)
    assert isinstance(copied[0], Fused)
    kinds = [type(module) for module in copied.modules() if not list(module.children())]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.Identity, nn.Conv2d]


def at_once_copy(network, **given):
    copied = copy.deepcopy(network).requires_grad_(False)
    return copied, add_biases_at_once(copied, IMAGES[:1], **given)


def test_a_linear_layer_that_adds_its_bias_at_once_gives_the_same():
    network = linear(nn.Tanh())
    copied, count = at_once_copy(network)
    assert count == 2
    with torch.inference_mode():
        torch.testing.assert_close(copied(IMAGES), network(IMAGES), rtol=1e-5, atol=1e-6)


def test_the_bias_is_not_copied_first():
    copied, _ = at_once_copy(linear(nn.Tanh()))
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen:
        copied(IMAGES)
    kinds = {event.key for event in seen.key_averages()}
    assert "mkldnn::_linear_pointwise" in kinds
    assert "aten::addmm" not in kinds


def test_a_linear_layer_shares_its_weights_and_keeps_its_names():
    network = linear(nn.Tanh())
    first, names = network[1], list(network.state_dict())
    add_biases_at_once(network, IMAGES[:1])
    assert isinstance(network[1], AtOnce)
    assert network[1].weight is first.weight
    assert list(network.state_dict()) == names


def test_gradients_through_it_are_those_of_the_layer():
    network = linear(nn.Tanh())
    copied, _ = at_once_copy(network)
    wanted, found = ((IMAGES.clone().requires_grad_(), one) for one in (network, copied))
    for leaf, one in (wanted, found):
        one(leaf).square().sum().backward()
    assert torch.equal(found[0].grad, wanted[0].grad)


def test_in_bfloat16_it_runs_as_it_did():
    network = linear(nn.Tanh())
    copied, _ = at_once_copy(network)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(copied(IMAGES), network(IMAGES))


class Doubling(nn.Linear):
    """It does more than its weights say."""

    def forward(self, inputs):
        return 2 * super().forward(inputs)


def hooked_layer():
    layer = nn.Linear(10, 3)
    layer.register_forward_hook(lambda *_: None)
    return layer


@pytest.mark.parametrize(
    "make",
    [hooked_layer, lambda: Doubling(10, 3), lambda: nn.Linear(10, 3, bias=False)],
    ids=["hooked", "more", "no bias"],
)
def test_linear_layers_with_nothing_to_gain_or_more_to_do_are_left_alone(make):
    assert at_once_copy(nn.Sequential(make()))[1] == 0


def test_a_linear_target_layer_is_left_alone():
    network = linear(nn.Tanh())
    assert at_once_copy(network)[1] == 2
    assert add_biases_at_once(network, IMAGES[:1], spared=[network[1]]) == 1


def test_what_adds_its_bias_with_an_activation_is_not_taken_apart():
    network = linear(nn.ReLU())
    assert fuse_activations(network, IMAGES[:1]) == 1
    assert add_biases_at_once(network, IMAGES[:1]) == 1
    assert type(network[1].layer) is nn.Linear
