"""Captum's methods of plain gradients. Kokhlikyan et al. 2020, arXiv:2009.07896."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from captum import attr
from torch import Generator

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.classifier import CHANNELS_FIRST
from xaibench.api.types import GridMaps
from xaibench_captum.lending import leaves, lent

AT_ONCE = 16  # images in one of Captum's passes


def saliency(capture: Capture) -> GridMaps:
    """Magnitude of the target logit's gradient at each pixel, the largest of the colours."""
    with lent(capture) as network:
        attributions = attr.Saliency(network).attribute(leaves(capture), target=capture.batch.targets)
    maps: GridMaps = attributions.detach().amax(1)
    return maps


def input_x_gradient(capture: Capture) -> GridMaps:
    """The pixel times its gradient, summed over the colours; signed."""
    with lent(capture) as network:
        method = attr.InputXGradient(network)
        attributions = method.attribute(leaves(capture), target=capture.batch.targets)
    maps: GridMaps = attributions.detach().sum(1)
    return maps


def integrated_gradients(capture: Capture, steps: int = 50, rule: str = "gausslegendre") -> GridMaps:
    """Gradients on the line from the mean colour times the way, summed over the colours; signed.

    Args:
        capture: of any classifier.
        steps: points on the line, each a forward and a backward.
        rule: Captum's name of the quadrature; "riemann_middle" is xaibench's own.
    """
    targets = capture.batch.targets.tolist()
    with lent(capture) as network:
        method = attr.IntegratedGradients(network)
        attributions = [
            method.attribute(
                image[None], target=target, n_steps=steps, method=rule, internal_batch_size=AT_ONCE
            )
            for image, target in zip(leaves(capture), targets, strict=True)
        ]
    maps: GridMaps = torch.cat(attributions).detach().sum(1)
    return maps


def gradient_shap(capture: Capture, samples: int = 20, noise: float = 0.09) -> GridMaps:
    """Mean gradient at random points between the noisy image and the mean colour, times the way.

    Summed over the colours; signed. Captum draws from the process's own generators: they are seeded for
    each image by the run's seed, and put back.

    Args:
        capture: of any classifier.
        samples: points an image, each a forward and a backward.
        noise: standard deviation of what is added to the normalised image.
    """
    batch = capture.batch
    attributions = []
    with lent(capture) as network:
        method = attr.GradientShap(network)
        rows = zip(
            leaves(capture), batch.targets.tolist(), batch.generators("gradient-shap"), strict=True
        )
        for image, target, generator in rows:
            with drawing_from(generator):
                attributions.append(
                    method.attribute(
                        image[None],
                        baselines=torch.zeros_like(image[None]),
                        n_samples=samples,
                        stdevs=noise,
                        target=target,
                    )
                )
    maps: GridMaps = torch.cat(attributions).detach().sum(1)
    return maps


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """NumPy's and torch's own generators seeded by `generator`; as before afterwards."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    before = np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed)
            yield
    finally:
        np.random.set_state(before)


def layer_grad_cam(capture: Capture) -> GridMaps:
    """Rectified sum of the target layer's channels, each weighted by its mean gradient.

    Raises:
        Unsupported: the layer does not give channels first: Captum takes the second axis for them.
    """
    layer = capture.classifier.target_layer
    if layer.layout != CHANNELS_FIRST or capture.shared.outputs[-1].ndim != 4:
        raise Unsupported(
            f"Captum's LayerGradCam takes channels first; the target layer gives {layer.layout}"
        )
    with lent(capture) as network:
        method = attr.LayerGradCam(network, network.get_submodule(layer.name))
        attributions = method.attribute(
            leaves(capture), target=capture.batch.targets, relu_attributions=True
        )
    maps: GridMaps = attributions.detach()[:, 0]
    return maps
