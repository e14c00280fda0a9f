"""CAM, Grad-CAM, Grad-CAM++ and Layer-CAM against their papers' formulas, written out as loops."""

from itertools import product

import nets
import pytest
import torch
from xaibench_explainers.cam import cam
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.grad_cam_plus_plus import grad_cam_plus_plus
from xaibench_explainers.layer_cam import layer_cam

from xaibench.api import Unsupported
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale
from xaibench.api.resolve import classifier_of


def literal_grad_cam(activations, gradients):
    """Eqs. 1 and 2 of Grad-CAM."""
    maps = torch.zeros_like(activations[:, 0])
    for n, k in product(*map(range, activations.shape[:2])):
        maps[n] += gradients[n, k].mean() * activations[n, k]
    return maps.relu()


def literal_grad_cam_plus_plus(activations, gradients):
    """Eqs. 5 and 19 as printed: loops and quotients, no tensor tricks."""
    maps = torch.zeros_like(activations[:, 0])
    for n, k in product(*map(range, activations.shape[:2])):
        total = activations[n, k].sum()
        terms = [g**2 / (2 * g**2 + total * g**3) * g for g in gradients[n, k].flatten() if g > 0]
        maps[n] += sum(terms) * activations[n, k]
    return maps.relu()


def literal_layer_cam(activations, gradients):
    """Eqs. 5 and 6 of Layer-CAM."""
    maps = torch.zeros_like(activations[:, 0])
    for n, k, y, x in product(*map(range, activations.shape)):
        maps[n, y, x] += max(gradients[n, k, y, x], 0) * activations[n, k, y, x]
    return maps.relu()


@pytest.mark.parametrize(
    ("explainer", "literal"),
    [
        (grad_cam, literal_grad_cam),
        (grad_cam_plus_plus, literal_grad_cam_plus_plus),
        (layer_cam, literal_layer_cam),
    ],
    ids=["grad-cam", "grad-cam++", "layer-cam"],
)
def test_agrees_with_the_paper(capture, explainer, literal):
    expected = literal(capture.activations, capture.gradients)
    torch.testing.assert_close(explainer(capture), expected)


def test_cam_without_relu_is_complete(gap_capture):
    head, targets = gap_capture.classifier.head, gap_capture.batch.targets
    logits = gap_capture.logits.gather(1, targets[:, None]).squeeze(1)
    mean = cam(gap_capture, relu=False).mean((1, 2))
    torch.testing.assert_close(mean + head.bias.detach()[targets], logits)


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (lambda: nets.vit_network("avg", fc_norm=True), (32, 24)),
        (nets.convnext_network, (64, 96)),
    ],
    ids=["average-pooled ViT", "ConvNeXt"],
)
def test_cam_through_a_layer_norm_is_complete(network, size):
    classifier = classifier_of(network().eval(), size)
    head, norm = classifier.head, classifier.head_norm
    with torch.no_grad():  # as if trained: neither ones nor zeros
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    images = torch.rand(2, 3, *size, dtype=torch.double)
    capture = Capture(classifier, Batch(("a", "b"), images, torch.tensor([1, 3])))
    constant = head(norm.bias).detach()
    found = cam(capture, relu=False).mean((1, 2)) + constant[capture.batch.targets]
    torch.testing.assert_close(found, capture.logits[[0, 1], [1, 3]])


def test_behind_average_pooling_cam_is_grad_cam_times_the_cells(gap_capture):
    cells = gap_capture.activations[0, 0].numel()
    torch.testing.assert_close(cam(gap_capture), grad_cam(gap_capture) * cells)


def test_behind_average_pooling_grad_cam_plus_plus_has_its_closed_form(gap_capture):
    activations = gap_capture.activations
    cells = activations[0, 0].numel()
    rows = gap_capture.classifier.head.weight.detach()[gap_capture.batch.targets] / cells
    weights = cells * rows.relu() / (2 + rows * activations.sum((2, 3)))
    expected = (weights[:, :, None, None] * activations).sum(1).relu()
    torch.testing.assert_close(grad_cam_plus_plus(gap_capture), expected)


def test_behind_average_pooling_layer_cam_drops_the_negative_channels(gap_capture):
    activations = gap_capture.activations
    cells = activations[0, 0].numel()
    rows = gap_capture.classifier.head.weight.detach()[gap_capture.batch.targets]
    expected = (rows.relu()[:, :, None, None] * activations).sum(1) / cells
    torch.testing.assert_close(layer_cam(gap_capture), expected)


def test_hirescam_sum_is_complete_on_a_flattened_head_and_grad_cam_is_not(batch):
    capture = Capture(nets.flatten(), batch)
    targets = batch.targets
    logit = capture.logits.gather(1, targets[:, None]).squeeze(1)
    without_bias = logit - capture.classifier.network[3].bias.detach()[targets]
    hires = (capture.gradients * capture.activations).sum((1, 2, 3))
    torch.testing.assert_close(hires, without_bias)
    weights = capture.gradients.mean((2, 3), keepdim=True)
    pooled = (weights * capture.activations).sum((1, 2, 3))
    assert ((pooled - without_bias).abs() > 1e-3).all()


@pytest.mark.parametrize("make", [nets.vit, nets.flatten, nets.deep])
def test_cam_is_unsupported_without_a_linear_head_on_the_mean(batch, make):
    with pytest.raises(Unsupported, match="linear head"):
        cam(Capture(make(), batch))


@pytest.mark.parametrize("explainer", [grad_cam, grad_cam_plus_plus, layer_cam])
def test_explanations_of_different_classes_differ(capture, batch, explainer):
    other = Batch(batch.ids, batch.images, (batch.targets + 1) % 4)
    found = rescale(explainer(capture))
    assert not torch.allclose(found, rescale(explainer(Capture(capture.classifier, other))))


def with_scaled_class(factor: float, batch: Batch) -> Capture:
    classifier = nets.gap()
    classifier.head.weight.data *= factor
    classifier.head.bias.data *= factor
    return Capture(classifier, batch)


@pytest.mark.parametrize("explainer", [cam, grad_cam, layer_cam])
def test_scaling_the_head_leaves_the_rescaled_map(batch, explainer):
    plain, scaled = (rescale(explainer(with_scaled_class(f, batch))) for f in (1.0, 5.0))
    torch.testing.assert_close(plain, scaled)


def test_scaling_the_head_changes_grad_cam_plus_plus(batch):
    plain, scaled = (rescale(grad_cam_plus_plus(with_scaled_class(f, batch))) for f in (1.0, 5.0))
    assert (plain - scaled).abs().max() > 1e-4


@pytest.mark.parametrize("explainer", [cam, grad_cam, grad_cam_plus_plus, layer_cam])
def test_a_mirrored_image_gives_a_mirrored_map_on_a_symmetric_network(batch, explainer):
    classifier = nets.gap()
    convolution = classifier.network[0]
    convolution.stride, convolution.padding = (1, 1), (1, 1)
    convolution.weight.data += convolution.weight.data.flip(3)
    mirrored = Batch(batch.ids, batch.images.flip(3), batch.targets)
    plain, flipped = (explainer(Capture(classifier, b)) for b in (batch, mirrored))
    torch.testing.assert_close(flipped, plain.flip(2))


@pytest.mark.parametrize("explainer", [grad_cam, grad_cam_plus_plus, layer_cam])
def test_nothing_shared_is_written_to(capture, explainer):
    shared = [*capture.shared.outputs, capture.activations, capture.gradients, capture.batch.images]
    before = [tensor._version for tensor in shared]
    explainer(capture)
    assert [tensor._version for tensor in shared] == before


@pytest.mark.parametrize("explainer", [cam, grad_cam, grad_cam_plus_plus, layer_cam])
def test_any_number_of_threads_gives_the_same_map(batch, explainer):
    images = batch.images.float()
    classifier = nets.gap()
    classifier.network.float()
    maps = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            maps.append(explainer(Capture(classifier, Batch(batch.ids, images, batch.targets))))
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(*maps, rtol=1e-5, atol=1e-5)
