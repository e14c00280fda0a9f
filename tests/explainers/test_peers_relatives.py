"""pytorch-grad-cam and torch-cam on the relatives of CAM; captum on gradients and occlusion."""

import nets
import pytest
import torch
from xaibench_explainers.ablation_cam import ablation_cam
from xaibench_explainers.eigen_cam import eigen_cam, eigengrad_cam, projected
from xaibench_explainers.grad_cam_elementwise import grad_cam_elementwise
from xaibench_explainers.guided_backprop import guided_grad_cam, guided_gradients
from xaibench_explainers.hirescam import hirescam
from xaibench_explainers.integrated_gradients import attributions
from xaibench_explainers.layer_cam_fusion import layer_cam_fusion, scaled
from xaibench_explainers.occlusion import occlusion
from xaibench_explainers.saliency import input_x_gradient, saliency
from xaibench_explainers.xgrad_cam import xgrad_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.maps import rescale, upsample
from xaibench.engine.evaluate.stream import Stream, Task

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers', not ours
TARGETS = [0, 3, 2]


def float32(classifier: Classifier) -> Classifier:
    """As the peers cast to it, and their hooks see what an in-place layer leaves; not tiny either."""
    for module in classifier.network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    *_, head = classifier.network.float()
    head.weight.data *= 10
    head.bias.data += 10  # positive logits, by which one may divide
    return classifier


@pytest.fixture(params=[nets.gap, nets.flatten], ids=lambda make: make.__name__)
def capture(request) -> Capture:
    images = torch.rand(3, 3, 32, 24, generator=torch.Generator().manual_seed(1))
    return Capture(float32(request.param()), Batch(tuple("abc"), images, torch.tensor(TARGETS)))


def pytorch_grad_cam(name: str, capture: Capture) -> torch.Tensor:
    """Rescaled before and after OpenCV's bilinear resizing, with an epsilon."""
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = capture.classifier.network.eval()
    with getattr(library, name)(network, [capture.classifier.target_layer.module]) as method:
        maps = method(capture.batch.images.clone(), [ClassifierOutputTarget(t) for t in TARGETS])
    return rescale(torch.from_numpy(maps))


def finished(maps: torch.Tensor) -> torch.Tensor:
    """Our maps as a run scores them."""
    return rescale(upsample(maps, (32, 24)))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("XGradCAM", xgrad_cam),
        ("HiResCAM", hirescam),
        ("GradCAMElementWise", grad_cam_elementwise),
        ("AblationCAM", ablation_cam),
    ],
)
def test_pytorch_grad_cam_agrees_up_to_its_post_processing(capture, name, ours):
    expected = finished(ours(capture))
    torch.testing.assert_close(pytorch_grad_cam(name, capture), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ["EigenCAM", "EigenGradCAM"])
def test_pytorch_grad_cams_eigen_cams_are_centred_and_of_either_sign(capture, name):
    features = capture.activations
    if name == "EigenGradCAM":
        features = features * capture.gradients
    theirs = pytorch_grad_cam(name, capture)
    either = [finished((sign * projected(features, centred=True)).relu()) for sign in (1, -1)]
    for i, found in enumerate(theirs):
        assert min(float((found - maps[i]).abs().max()) for maps in either) < 1e-4
    ours = finished((eigen_cam if name == "EigenCAM" else eigengrad_cam)(capture))
    assert (theirs - ours).abs().max() > 1e-2


def test_torch_cams_xgrad_cam_agrees(capture):
    from torchcam.methods import XGradCAM

    classifier = capture.classifier
    with XGradCAM(classifier.network, classifier.target_layer.module) as method:
        (maps,) = method(TARGETS, classifier.network(capture.batch.images), normalized=False)
    torch.testing.assert_close(
        rescale(maps.detach().relu()), rescale(xgrad_cam(capture)), atol=1e-5, rtol=0
    )


def test_torch_cam_fuses_layers_as_we_do_shallow_ones(capture):
    from torchcam.methods import LayerCAM

    both = Capture(float32(nets.two_layers()), capture.batch)
    pairs = zip(both.layer_activations, both.layer_gradients, strict=True)
    theirs = LayerCAM.fuse_cams([scaled(a, g, gamma=None) for a, g in pairs])
    torch.testing.assert_close(layer_cam_fusion(both), theirs)


def captum(name: str, capture: Capture, **settings) -> torch.Tensor:
    import captum.attr

    network = capture.classifier.network.eval()
    method = getattr(captum.attr, name)(network)
    images = capture.batch.images.clone().requires_grad_()
    return method.attribute(images, target=capture.batch.targets, **settings).detach()


def test_captums_saliency_agrees(capture):
    torch.testing.assert_close(saliency(capture), captum("Saliency", capture).amax(1))


def test_captums_input_x_gradient_agrees(capture):
    torch.testing.assert_close(input_x_gradient(capture), captum("InputXGradient", capture).sum(1))


def test_captums_integrated_gradients_agrees_in_its_midpoint_rule(capture):
    theirs = captum("IntegratedGradients", capture, n_steps=20, method="riemann_middle")
    ours = torch.stack([attributions(capture, i, 20) for i in range(3)])
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_captums_guided_backprop_agrees(capture):
    torch.testing.assert_close(guided_gradients(capture), captum("GuidedBackprop", capture))


def test_captums_guided_grad_cam_agrees_when_it_is_told_to_upsample_bilinearly(capture):
    from captum.attr import GuidedGradCam

    classifier, batch = capture.classifier, capture.batch
    method = GuidedGradCam(classifier.network.eval(), classifier.target_layer.module)
    images = batch.images.clone().requires_grad_()
    theirs = method.attribute(images, batch.targets, interpolate_mode="bilinear").detach()
    ours = rescale(guided_grad_cam(capture))
    torch.testing.assert_close(ours, rescale(theirs.abs().amax(1)), atol=1e-5, rtol=0)
    nearest = rescale(method.attribute(images, batch.targets).detach().abs().amax(1))
    assert (nearest - ours).abs().max() > 0.01


def test_captums_occlusion_agrees(capture):
    from captum.attr import Occlusion

    def probabilities(images):
        return capture.classifier.logits(images).softmax(1)

    theirs = Occlusion(probabilities).attribute(
        capture.batch.images, (3, 8, 6), (3, 4, 3), baselines=0, target=capture.batch.targets
    )
    task = Task(occlusion(capture, window=1 / 4, stride=1 / 8), capture.batch)
    (answer,) = Stream(capture.classifier.logits, 16).drive([task])
    torch.testing.assert_close(answer.value, theirs[:, 0], atol=1e-6, rtol=1e-4)
