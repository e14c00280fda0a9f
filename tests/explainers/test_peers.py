"""Other libraries on the same network: equal where they follow the paper, else how they differ."""

import nets
import pytest
import torch
from torch import nn
from xaibench_explainers.cam import cam
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.grad_cam_plus_plus import channel_weights, grad_cam_plus_plus
from xaibench_explainers.layer_cam import layer_cam
from xaibench_explainers.score_cam import score_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample
from xaibench.engine.evaluate.stream import Stream, Task

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers', not ours
TARGETS = [0, 3, 2]


@pytest.fixture
def capture() -> Capture:
    """In float32, as the peers cast to it; a head that averages, and gradients that are not tiny."""
    classifier = nets.gap()
    classifier.network.float()
    classifier.network[1].inplace = False  # the peers' hooks see what an in-place layer leaves
    classifier.network[4].weight.data *= 10
    images = torch.rand(3, 3, 32, 24, generator=torch.Generator().manual_seed(1))
    return Capture(classifier, Batch(tuple("abc"), images, torch.tensor(TARGETS)))


def pytorch_grad_cam(name: str, capture: Capture) -> torch.Tensor:
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = capture.classifier.network
    with getattr(library, name)(network, [network[1]]) as method:
        method.batch_size = 2
        maps = method(capture.batch.images.clone(), [ClassifierOutputTarget(t) for t in TARGETS])
    return torch.from_numpy(maps)


def torch_cam(name: str, capture: Capture, **settings) -> torch.Tensor:
    from torchcam import methods

    network = capture.classifier.network
    with getattr(methods, name)(network, network[1], **settings) as method:
        logits = network(capture.batch.images)
        (maps,) = method(TARGETS, logits, normalized=False)
    return maps.detach()


def finished(maps: torch.Tensor, capture: Capture) -> torch.Tensor:
    """Our maps as a run scores them."""
    return rescale(upsample(maps, capture.batch.images.shape[2:]))


@pytest.mark.parametrize(("name", "ours"), [("GradCAM", grad_cam), ("LayerCAM", layer_cam)])
def test_pytorch_grad_cam_agrees_up_to_its_post_processing(capture, name, ours):
    """It rescales before and after resizing, with an epsilon; its resizing is OpenCV's bilinear."""
    theirs = rescale(pytorch_grad_cam(name, capture))
    torch.testing.assert_close(theirs, finished(ours(capture), capture), atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "settings", "ours"),
    [("CAM", {"fc_layer": "4"}, cam), ("GradCAM", {}, grad_cam), ("LayerCAM", {}, layer_cam)],
)
def test_torch_cam_agrees(capture, name, settings, ours):
    theirs = torch_cam(name, capture, **settings).relu()
    torch.testing.assert_close(rescale(theirs), rescale(ours(capture)), atol=1e-5, rtol=0)


def test_pytorch_grad_cams_epsilon_changes_grad_cam_plus_plus_where_gradients_are_small(capture):
    """It adds 1e-6 to 2 g^2 + g^3 sum A: nothing to large gradients, much to those about 1e-4."""

    def weights(gradients, epsilon):
        total = capture.activations.sum((2, 3), keepdim=True)
        squares = gradients**2
        alpha = squares / (2 * squares + total * gradients**3 + epsilon)
        return (alpha * gradients.relu()).sum((2, 3))

    large, small = capture.gradients * 100, capture.gradients * 1e-2
    close = {"rtol": 1e-2, "atol": 0}
    ours = channel_weights(capture.activations, large)
    torch.testing.assert_close(weights(large, 1e-6), ours, **close)
    ours = channel_weights(capture.activations, small)
    torch.testing.assert_close(weights(small, 0), ours, **close)
    assert (weights(small, 1e-6) < 0.9 * ours)[ours > 0].any()


def test_pytorch_grad_cam_plus_plus_is_the_paper_with_that_epsilon(capture):
    total = capture.activations.sum((2, 3), keepdim=True)
    gradients = capture.gradients
    squares = gradients**2
    alpha = torch.where(gradients != 0, squares / (2 * squares + total * gradients**3 + 1e-6), 0)
    weights = (alpha * gradients.relu()).sum((2, 3))[:, :, None, None]
    expected = finished((weights * capture.activations).sum(1).relu(), capture)
    theirs = rescale(pytorch_grad_cam("GradCAMPlusPlus", capture))
    torch.testing.assert_close(theirs, expected, atol=2e-5, rtol=0)


def test_torch_cams_grad_cam_plus_plus_is_another_method(capture):
    theirs = rescale(torch_cam("GradCAMpp", capture).relu())
    assert (theirs - rescale(grad_cam_plus_plus(capture))).abs().max() > 1e-3


def test_pytorch_grad_cams_score_cam_aligns_corners_where_ours_does_not(capture):
    """The only difference: with its upsampling in ours, the weights are the same."""
    (answer,) = Stream(capture.classifier.logits, 8).drive([Task(score_cam(capture), capture.batch)])
    ours = finished(answer.value, capture)
    theirs = rescale(pytorch_grad_cam("ScoreCAM", capture))
    assert (theirs - ours).abs().max() < 0.15
    literal = []
    network = capture.classifier.network
    for image, target, channels in zip(capture.batch.images, TARGETS, capture.activations, strict=True):
        resize = nn.UpsamplingBilinear2d(size=image.shape[1:])
        masks = resize(channels[None])[0]
        low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
        logits = network(image * ((masks - low) / (high - low + 1e-8))[:, None])[:, target]
        literal.append((logits.softmax(0)[:, None, None] * channels).sum(0).relu())
    expected = finished(torch.stack(literal).detach(), capture)
    torch.testing.assert_close(theirs, expected, atol=1e-3, rtol=0)
