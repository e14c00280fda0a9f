"""Explainers of other libraries on our work, each called as its README shows.

What it costs is what is asked; names are ours, so that they stand beside.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn
from work import Work

Explain = Callable[[Work], object]
PYTORCH_GRAD_CAM = {
    "grad-cam": "GradCAM",
    "grad-cam++": "GradCAMPlusPlus",
    "xgrad-cam": "XGradCAM",
    "hirescam": "HiResCAM",
    "grad-cam-elementwise": "GradCAMElementWise",
    "layer-cam": "LayerCAM",
    "eigen-cam": "EigenCAM",
    "eigengrad-cam": "EigenGradCAM",
    "score-cam": "ScoreCAM",
    "ablation-cam": "AblationCAM",
}
TORCH_CAM = {
    "cam": "CAM",
    "grad-cam": "GradCAM",
    "grad-cam++": "GradCAMpp",
    "xgrad-cam": "XGradCAM",
    "layer-cam": "LayerCAM",
    "score-cam": "ScoreCAM",
}
CAPTUM = {
    "grad-cam": "LayerGradCam",
    "saliency": "Saliency",
    "input-x-gradient": "InputXGradient",
    "smooth-grad": "NoiseTunnel",
    "integrated-gradients": "IntegratedGradients",
    "guided-backprop": "GuidedBackprop",
    "guided-grad-cam": "GuidedGradCam",
    "occlusion": "Occlusion",
}


def peers() -> dict[str, dict[str, Explain]]:
    """Return the explainers of installed libraries, by library and by our name."""
    by_library: dict[str, dict[str, Explain]] = {}
    if find_spec("pytorch_grad_cam"):
        by_library["pytorch-grad-cam"] = {
            ours: partial(pytorch_grad_cam, name) for ours, name in PYTORCH_GRAD_CAM.items()
        }
    if find_spec("torchcam"):
        by_library["torch-cam"] = {ours: partial(torch_cam, name) for ours, name in TORCH_CAM.items()}
    if find_spec("captum"):
        by_library["captum"] = {ours: partial(captum, ours, name) for ours, name in CAPTUM.items()}
    return by_library


def pytorch_grad_cam(name: str, work: Work) -> np.ndarray:
    """Return the library's maps, (B, H, W). Its users must supply a transform of tokens: ours."""
    import pytorch_grad_cam as peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer = work.classifier.target_layer
    targets = [ClassifierOutputTarget(int(target)) for target in work.batch.targets]
    transform = None if layer.layout == "channels first" else layer.to_grid
    network = work.classifier.network
    with getattr(peer, name)(network, [layer.module], reshape_transform=transform) as method:
        maps: np.ndarray = method(work.batch.images, targets)
    return maps


def torch_cam(name: str, work: Work) -> None:
    """Compute the library's maps; it does not support tokens.

    Raises:
        TypeError: the target layer gives tokens.
    """
    from torchcam import methods

    layer, network = work.classifier.target_layer, work.classifier.network
    if layer.layout != "channels first":
        raise TypeError("no tokens")
    with getattr(methods, name)(network, layer.module) as method:
        method(work.batch.targets.tolist(), network(work.batch.images))


def captum(ours: str, name: str, work: Work) -> None:
    """Compute its maps by our settings: 50 steps or copies, windows of a seventh of the image."""
    from captum import attr

    network, layer = work.classifier.network, work.classifier.target_layer.module
    images, targets = work.batch.images.clone().requires_grad_(), work.batch.targets
    side = images.shape[-1] // 7
    if ours in ("grad-cam", "guided-grad-cam"):
        getattr(attr, name)(network, layer).attribute(images, target=targets)
    elif ours == "smooth-grad":
        tunnel = attr.NoiseTunnel(attr.Saliency(network))
        tunnel.attribute(images, target=targets, nt_samples=50, nt_samples_batch_size=1, stdevs=0.6)
    elif ours == "integrated-gradients":
        method = attr.IntegratedGradients(network)
        method.attribute(images, target=targets, n_steps=50, internal_batch_size=8)
    elif ours == "occlusion":
        method = attr.Occlusion(network)
        windows, strides = (3, side, side), (3, side // 4, side // 4)
        method.attribute(images.detach(), windows, strides, target=targets, perturbations_per_eval=8)
    else:
        getattr(attr, name)(network).attribute(images, target=targets)


@contextlib.contextmanager
def counted(network: nn.Module) -> Iterator[list[int]]:
    """Record the number of images in each pass through a network inside the context."""
    passes: list[int] = []

    def count(module: object, arguments: tuple[Tensor, ...]) -> None:
        passes.append(len(arguments[0]))

    handle = network.register_forward_pre_hook(count)
    try:
        yield passes
    finally:
        handle.remove()
        for module in network.modules():  # what a library leaves of an error must not reach the next
            module._forward_hooks.clear()
            module._backward_hooks.clear()
        torch.set_grad_enabled(True)
