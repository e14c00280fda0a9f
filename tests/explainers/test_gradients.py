"""Methods of the gradient with respect to the image against their formulas and laws."""

from collections.abc import Generator

import nets
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.overrides import _get_current_function_mode
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.guided_backprop import guided_backprop, guided_grad_cam, guided_gradients
from xaibench_explainers.integrated_gradients import attributions, integrated_gradients
from xaibench_explainers.saliency import input_x_gradient, saliency
from xaibench_explainers.smooth_grad import smooth_grad

from xaibench.api import Unsupported
from xaibench.api.batch import Batch
from xaibench.api.capture import PASS_WIDTH, Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.maps import upsample
from xaibench.engine.evaluate.stream import Stream, Task


def gradient(network: nn.Module, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Plain autograd, one image."""
    leaf = image.clone().requires_grad_()
    (found,) = torch.autograd.grad(network(leaf[None].clone())[0, target], leaf)
    return found


def each(capture: Capture) -> Generator[tuple[nn.Module, torch.Tensor, torch.Tensor]]:
    network = capture.classifier.network.eval()
    for image, target in zip(capture.batch.images, capture.batch.targets, strict=True):
        yield network, image, target


def integrated(capture: Capture, **settings) -> torch.Tensor:
    task = Task(integrated_gradients(capture, **settings), capture.batch)
    (answer,) = Stream(capture.classifier.logits, 8).drive([task])
    assert answer.error is None
    return answer.value


def test_image_gradients_are_those_of_plain_autograd(capture):
    expected = torch.stack([gradient(*one) for one in each(capture)])
    torch.testing.assert_close(capture.image_gradients, expected)


def test_image_gradients_of_many_images_go_by_in_passes(capture):
    images = torch.rand(2 * PASS_WIDTH + 1, 3, 32, 24, dtype=torch.double)
    targets = torch.arange(len(images)) % nets.CLASSES
    found = capture.image_gradients_at(images, targets)
    network = capture.classifier.network.eval()
    expected = [gradient(network, *one) for one in zip(images, targets, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected))
    assert (capture.shared.forwards, capture.shared.backwards) == (len(images), 3)


def test_saliency_and_input_x_gradient_share_one_pass(capture):
    gradients = torch.stack([gradient(*one) for one in each(capture)])
    torch.testing.assert_close(saliency(capture), gradients.abs().max(1).values)
    torch.testing.assert_close(input_x_gradient(capture), (capture.batch.images * gradients).sum(1))
    torch.testing.assert_close(input_x_gradient(capture, True), input_x_gradient(capture).abs())
    assert (capture.shared.forwards, capture.shared.backwards) == (3, 1)


def test_smooth_grad_is_the_mean_gradient_of_noisy_copies(capture):
    expected = []
    generators = capture.batch.generators("smooth-grad")
    for (network, image, target), generator in zip(each(capture), generators, strict=True):
        noise = torch.randn(11, *image.shape, generator=generator, dtype=torch.double)
        copies = [image + 0.15 * (image.max() - image.min()) * one for one in noise]
        mean = sum(gradient(network, one, target) for one in copies) / 11
        expected.append(mean.abs().max(0).values)
    torch.testing.assert_close(smooth_grad(capture, count=11), torch.stack(expected))


def test_smooth_grad_without_noise_is_saliency(capture):
    torch.testing.assert_close(smooth_grad(capture, count=3, noise=0.0), saliency(capture))


def test_integrated_gradients_is_the_midpoint_rule(capture):
    expected = []
    for network, image, target in each(capture):
        points = [(j - 0.5) / 7 * image for j in range(1, 8)]
        expected.append((image * sum(gradient(network, p, target) for p in points) / 7).sum(0))
    found = integrated(capture, steps=7, most=7)
    torch.testing.assert_close(found, torch.stack(expected))


def test_integrated_gradients_sum_to_the_logits_difference(capture):
    """The finer the steps the closer: ReLU's kinks make an error of the order of a step."""
    grey = capture.classifier.logits(torch.zeros_like(capture.batch.images))
    targets = capture.batch.targets[:, None]
    difference = (capture.logits - grey).gather(1, targets).squeeze(1)
    sums = integrated(capture, steps=300, most=300).sum((1, 2))
    torch.testing.assert_close(sums, difference, rtol=1e-2, atol=1e-5)


def linear() -> Classifier:
    torch.manual_seed(6)
    network = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.Flatten(), nn.Linear(48, nets.CLASSES))
    return Classifier(network.double(), (TargetLayer("0", network[0]),))


def test_one_step_is_exact_on_a_linear_network(batch):
    capture = Capture(linear(), batch)
    torch.testing.assert_close(integrated(capture, steps=1), input_x_gradient(capture))
    assert all("sum is 0.00% off" in capture.remarks[i] for i in range(3))


def test_steps_are_doubled_until_the_attributions_are_complete_enough(capture):
    found = integrated(capture, steps=1, tolerance=0.01, most=256)
    steps = [int(capture.remarks[i].split()[0]) for i in range(3)]
    assert max(steps) > 1
    grey = capture.classifier.logits(torch.zeros_like(capture.batch.images))
    for i, used in enumerate(steps):
        torch.testing.assert_close(found[i], attributions(capture, i, used).sum(0))
        difference = (capture.logits - grey)[i, capture.batch.targets[i]]
        off = float((found[i].sum() - difference).abs() / difference.abs())
        assert off <= 0.01
        assert capture.remarks[i] == (
            f"{used} steps; the attributions' sum is {off:.2%} off the logit's difference"
        )


def test_what_stays_incomplete_is_said_and_not_hidden(capture):
    integrated(capture, steps=1, tolerance=0.0, most=2)
    assert {text.split(";")[0] for text in capture.remarks.values()} == {"2 steps"}


def backwards(network: nn.Sequential, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Guided back-propagation layer by layer: R_in = [a > 0] [R_out > 0] R_out at each ReLU."""
    inputs = [image[None]]
    for layer in network:
        inputs.append(layer(inputs[-1].clone()).detach())
    relevance = torch.zeros_like(inputs[-1])
    relevance[0, target] = 1
    for layer, given in zip(reversed(network), reversed(inputs[:-1]), strict=True):
        if isinstance(layer, nn.ReLU):
            relevance = (given > 0) * (relevance > 0) * relevance
        else:
            leaf = given.clone().requires_grad_()
            (relevance,) = torch.autograd.grad(layer(leaf), leaf, relevance)
    return relevance[0]


@pytest.mark.parametrize("make", [nets.gap, nets.deep, nets.flatten])
def test_guided_gradients_follow_the_rule_layer_by_layer(batch, make):
    capture = Capture(make(), batch)
    expected = torch.stack([backwards(*one) for one in each(capture)])
    torch.testing.assert_close(guided_gradients(capture), expected)
    torch.testing.assert_close(guided_backprop(capture), expected.abs().max(1).values)
    assert (guided_gradients(capture) - capture.image_gradients).abs().max() > 1e-4


def test_guided_grad_cam_is_the_product(batch):
    capture = Capture(nets.deep(), batch)
    coarse = upsample(grad_cam(capture), (32, 24))
    expected = (coarse[:, None] * guided_gradients(capture)).abs().max(1).values
    torch.testing.assert_close(guided_grad_cam(capture), expected)


class Functional(nn.Module):
    """The network of `nets.deep`, its ReLUs no modules."""

    def __init__(self, network: nn.Sequential, relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList([network[i] for i in (0, 2, 4, 5, 6)])
        self.relu = relu

    def forward(self, images):
        first, second, pool, flat, head = self.layers
        return head(flat(pool(self.relu(second(self.relu(first(images)))))))


@pytest.mark.parametrize(
    "relu",
    [F.relu, torch.relu, torch.relu_, torch.Tensor.relu, F.relu6, nn.ReLU6(), nn.ReLU6(inplace=True)],
)
def test_relus_that_are_functions_are_guided_too(batch, relu):
    deep = nets.deep()
    network = Functional(deep.network, relu)
    functional = Classifier(network, (TargetLayer("1", network.layers[1]),))
    expected = guided_gradients(Capture(deep, batch))
    torch.testing.assert_close(guided_gradients(Capture(functional, batch)), expected)


@pytest.mark.parametrize("explainer", [guided_backprop, guided_grad_cam])
def test_guided_back_propagation_needs_relus_and_nothing_else(batch, explainer):
    with pytest.raises(Unsupported, match="this has none"):
        explainer(Capture(linear(), batch))
    with pytest.raises(Unsupported, match="this network has gelu"):
        explainer(Capture(nets.vit(), batch))
    network = Functional(nets.deep().network, F.hardtanh)
    with pytest.raises(Unsupported, match="this network has hardtanh"):
        explainer(Capture(Classifier(network, (TargetLayer("1", network.layers[1]),)), batch))


def test_nothing_is_guided_afterwards_nor_after_an_error(batch):
    capture = Capture(nets.deep(), batch)
    expected = capture.image_gradients
    guided_backprop(capture)
    torch.testing.assert_close(capture.image_gradients_at(batch.images, batch.targets), expected)
    with pytest.raises(RuntimeError, match="out of bounds"):
        guided_backprop(Capture(nets.deep(), Batch(batch.ids, batch.images, batch.targets + 9)))
    assert _get_current_function_mode() is None
    torch.testing.assert_close(capture.image_gradients_at(batch.images, batch.targets), expected)
