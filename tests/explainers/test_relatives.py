"""The relatives of CAM against their formulas, written out as loops, and their laws."""

from dataclasses import replace
from itertools import product

import nets
import pytest
import torch
from torch import nn
from xaibench_explainers.ablation_cam import ablation_cam, forwarded_drops, linear_drops
from xaibench_explainers.cam import cam
from xaibench_explainers.eigen_cam import eigen_cam, eigengrad_cam, projected
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.grad_cam_elementwise import grad_cam_elementwise
from xaibench_explainers.hirescam import hirescam
from xaibench_explainers.layer_cam import layer_cam
from xaibench_explainers.layer_cam_fusion import layer_cam_fusion
from xaibench_explainers.opti_cam import combined, masked, opti_cam
from xaibench_explainers.xgrad_cam import channel_weights, xgrad_cam

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.maps import rescale, upsample


def literal_xgrad_cam(activations, gradients):
    maps = torch.zeros_like(activations[:, 0])
    for n, k in product(*map(range, activations.shape[:2])):
        total = activations[n, k].sum()
        shares = activations[n, k] / total if total else activations[n, k] * 0
        maps[n] += (shares * gradients[n, k]).sum() * activations[n, k]
    return maps.relu()


def literal_hirescam(activations, gradients):
    maps = torch.zeros_like(activations[:, 0])
    for n, k, y, x in product(*map(range, activations.shape)):
        maps[n, y, x] += gradients[n, k, y, x] * activations[n, k, y, x]
    return maps.relu()


def literal_elementwise(activations, gradients):
    maps = torch.zeros_like(activations[:, 0])
    for n, k, y, x in product(*map(range, activations.shape)):
        maps[n, y, x] += max(gradients[n, k, y, x] * activations[n, k, y, x], 0)
    return maps


@pytest.mark.parametrize(
    ("explainer", "literal"),
    [
        (xgrad_cam, literal_xgrad_cam),
        (hirescam, literal_hirescam),
        (grad_cam_elementwise, literal_elementwise),
    ],
    ids=["xgrad-cam", "hirescam", "grad-cam-elementwise"],
)
def test_agrees_with_the_formula(capture, explainer, literal):
    expected = literal(capture.activations, capture.gradients)
    torch.testing.assert_close(explainer(capture), expected)


def test_behind_average_pooling_xgrad_cam_is_grad_cam(gap_capture):
    torch.testing.assert_close(xgrad_cam(gap_capture), grad_cam(gap_capture))


def test_behind_average_pooling_hirescam_is_cam_over_the_cells(gap_capture):
    cells = gap_capture.activations[0, 0].numel()
    torch.testing.assert_close(hirescam(gap_capture), cam(gap_capture) / cells)


def test_a_channel_whose_sum_is_rounding_has_no_weight_in_xgrad_cam():
    activations = torch.zeros(1, 3, 2, 2)
    activations[0, 0] = torch.tensor([[0.1, 0.2], [-0.3, 2e-8]])
    activations[0, 2, 0, 0] = 1e-12
    weights = channel_weights(activations, torch.tensor([[[3.0, 0], [0, 1]]]).expand(1, 3, 2, 2))
    torch.testing.assert_close(weights, torch.tensor([[0.0, 0, 3]]))


@pytest.mark.parametrize("make", [nets.gap, nets.flatten])
def test_hirescam_without_relu_sums_to_the_logit_but_for_the_bias(batch, make):
    capture = Capture(make(), batch)
    *_, head = capture.classifier.network
    logits = capture.logits.gather(1, batch.targets[:, None]).squeeze(1)
    expected = logits - head.bias.detach()[batch.targets]
    torch.testing.assert_close(hirescam(capture, relu=False).sum((1, 2)), expected)


def first_direction(features, centred):
    """Of one image: by the eigenvectors of the channels' K x K products."""
    vectors = features.flatten(1)
    if centred:
        vectors = vectors - vectors.mean(1, keepdim=True)
    _, directions = torch.linalg.eigh(vectors @ vectors.T)
    return (directions[:, -1] @ vectors).view_as(features[0])


@pytest.mark.parametrize("centred", [False, True])
def test_eigen_cam_is_the_first_principal_component_its_largest_magnitude_positive(capture, centred):
    for found, features in zip(eigen_cam(capture, centred), capture.activations, strict=True):
        expected = first_direction(features, centred)
        sign = 1 if expected.max() > -expected.min() else -1
        torch.testing.assert_close(found, (sign * expected).relu())
        assert found.max() > 0


@pytest.mark.parametrize("centred", [False, True])
def test_eigengrad_cam_is_that_of_the_products_signed_like_hirescam(capture, centred):
    products = capture.gradients * capture.activations
    for found, features in zip(eigengrad_cam(capture, centred), products, strict=True):
        expected = first_direction(features, centred)
        sign = 1 if (expected * features.sum(0)).sum() > 0 else -1
        torch.testing.assert_close(found, (sign * expected).relu())


def test_the_eigen_cam_of_activations_of_rank_one_is_their_pattern():
    pattern = torch.rand(1, 1, 4, 5, dtype=torch.double)
    classifier = nets.gap()
    capture = Capture.__new__(Capture)
    capture.classifier = classifier
    capture.layer_activations = [torch.rand(1, 7, 1, 1, dtype=torch.double) * pattern]
    torch.testing.assert_close(rescale(eigen_cam(capture)), rescale(pattern[:, 0]))


def test_a_position_without_features_has_no_eigen_cam():
    """Where all evidence is against a class, rounding there would be the map, scaled up to 1."""
    features = torch.rand(2, 7, 4, 5, dtype=torch.double)
    features[:, :, ::2, 1:4] = 0
    maps = projected(features, centred=False)
    assert torch.equal(maps[:, ::2, 1:4], torch.zeros(2, 2, 3, dtype=torch.double))
    assert (maps[:, 1::2] != 0).all()


def literal_drops(capture: Capture) -> torch.Tensor:
    """Each channel set to zero in what the layers after the target layer get."""
    network = capture.classifier.network
    after = network[1 + list(network).index(capture.classifier.target_layer.module) :]
    drops = torch.zeros_like(capture.activations[:, :, 0, 0])
    for n, k in product(*map(range, drops.shape)):
        changed = capture.activations[n : n + 1].clone()
        whole = after(changed.clone())[0, capture.batch.targets[n]]
        changed[:, k] = 0
        drops[n, k] = whole - after(changed)[0, capture.batch.targets[n]]
    return drops.detach()


@pytest.mark.parametrize("make", [nets.gap, nets.deep, nets.flatten, nets.two_layers])
def test_ablation_cam_weighs_by_the_relative_drop(batch, make):
    classifier = make()
    *_, head = classifier.network
    head.bias.data += torch.tensor([1, 0, -1, 1])
    capture = Capture(classifier, batch)
    drops = literal_drops(capture)
    logits = capture.logits.gather(1, batch.targets[:, None])
    assert (logits > 0).any()
    assert (logits < 0).any()
    weights = torch.where(logits > 0, drops / logits, drops)[:, :, None, None]
    torch.testing.assert_close(ablation_cam(capture), (weights * capture.activations).sum(1).relu())


def test_ablating_a_channel_of_tokens_leaves_the_class_token(batch):
    capture = Capture(nets.vit(), batch)
    network = capture.classifier.network
    expected = torch.zeros_like(capture.activations[:, :, 0, 0])
    for k in range(expected.shape[1]):

        def without(_module, inputs, k=k):
            tokens = inputs[0].clone()
            tokens[:, 1:, k] = 0
            return (tokens, *inputs[1:])

        handle = network.blocks[1].attn.register_forward_pre_hook(without)
        left = capture.classifier.logits(batch.images)
        handle.remove()
        expected[:, k] = (capture.logits - left).gather(1, batch.targets[:, None])[:, 0]
    torch.testing.assert_close(forwarded_drops(capture), expected)


def test_the_exact_drops_of_a_linear_head_are_those_of_forwards(gap_capture):
    torch.testing.assert_close(linear_drops(gap_capture), forwarded_drops(gap_capture))


def test_ablation_cam_costs_no_forward_behind_a_linear_head_nor_for_zero_channels(batch):
    plain = Capture(nets.gap(), batch)
    ablation_cam(plain)
    assert plain.shared.forwards == 0
    classifier = nets.flatten()
    classifier.network[0].weight.data[[1, 4]] = 0
    classifier.network[0].bias.data[[1, 4]] = -1  # rectified away
    capture = Capture(classifier, batch)
    ablation_cam(capture)
    assert capture.shared.forwards == int(capture.activations.flatten(2).any(2).sum()) <= 3 * 6


def test_a_grid_that_is_a_copy_cannot_be_ablated(batch):
    deep = nets.deep()
    layer = TargetLayer("2", deep.target_layer.module, to_grid=lambda output: output * 1.0)
    capture = Capture(Classifier(deep.network, (layer,)), batch)
    with pytest.raises(Unsupported, match="copy of its output"):
        ablation_cam(capture)
    assert not deep.target_layer.module._forward_hooks


def literal_opti_cam(capture: Capture, steps: int, rate: float) -> torch.Tensor:
    """Image by image, through the whole graph."""
    maps = []
    for image, target, activations in zip(
        capture.batch.images, capture.batch.targets, capture.activations.relu(), strict=True
    ):
        scores = torch.full(activations.shape[:1], 0.5, dtype=torch.double, requires_grad=True)
        climber = torch.optim.Adam([scores], lr=rate)
        for _ in range(steps):
            climber.zero_grad()
            combination = (scores.softmax(0)[:, None, None] * activations).sum(0)
            mask = upsample(combination[None], image.shape[1:])
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            (-capture.classifier.network((image * mask)[None])[0, target]).backward()
            climber.step()
        maps.append((scores.softmax(0)[:, None, None] * activations).sum(0).detach())
    return torch.stack(maps)


def test_opti_cam_is_adam_through_the_whole_graph(capture):
    torch.testing.assert_close(opti_cam(capture, 5, 0.1), literal_opti_cam(capture, 5, 0.1))


def test_opti_cam_raises_the_logit_of_the_masked_image(capture):
    def logits(maps):
        found = capture.classifier.logits(masked(capture.batch.images, maps))
        return found.gather(1, capture.batch.targets[:, None])

    activations = capture.activations.relu()
    even = combined(torch.zeros_like(activations[:, :, 0, 0]), activations)
    assert (logits(opti_cam(capture)) > logits(even)).all()


def stages() -> Classifier:
    """Target layers of cells of 2, 4 and 16 pixels: the last is deep."""
    torch.manual_seed(5)
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 6, 3, stride=2, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 6, 5, stride=4, padding=2), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(6 * 2 * 2, nets.CLASSES),
    ).double()
    return Classifier(network, tuple(TargetLayer(str(i), network[i]) for i in range(3)))


def test_layer_cam_fusion_is_the_largest_of_the_layers(batch):
    classifier = stages()
    capture = Capture(classifier, batch)
    layers = []
    for layer, shallow in zip(classifier.target_layers, (True, True, False), strict=True):
        maps = layer_cam(Capture(Classifier(classifier.network, (layer,)), batch))
        largest = maps.amax((1, 2), keepdim=True).clamp(min=1e-30)
        maps = torch.tanh(2 * maps / largest) if shallow else maps / largest
        layers.append(upsample(maps, (16, 12)))
    expected = torch.maximum(torch.maximum(*layers[:2]), layers[2])
    torch.testing.assert_close(layer_cam_fusion(capture), expected)


def test_fusion_of_one_layer_is_unsupported(capture):
    with pytest.raises(Unsupported, match="several target layers"):
        layer_cam_fusion(capture)


def test_every_layer_at_once_takes_one_backward(batch):
    capture = Capture(stages(), replace(batch))
    layer_cam_fusion(capture)
    assert (capture.shared.forwards, capture.shared.backwards) == (0, 1)
