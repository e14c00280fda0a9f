"""Activations that the layer before them applies: the same network, to all who look."""

import copy

import pytest
import timm
import torch
from torch import nn

from xaibench.engine.fused import APPLIED, Fused, fuse_activations

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
