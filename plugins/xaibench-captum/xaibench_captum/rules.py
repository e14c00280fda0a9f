"""Captum's methods with rules of their own on the way back, by hooks on the network's modules.

What a network computes without a module, Captum does not see: it would go on with plain gradients, and
say nothing. So each is unsupported there, with the reason.
"""

import torch
from captum import attr
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps, Images
from xaibench_captum.lending import Steps, leaves, lent, steps_of

RESCALED = {"relu", "elu", "leaky_relu", "sigmoid", "tanh", "softplus"}  # where DeepLift has a rule
PASSED = {  # what rearranges, and changes no value: relevance goes through it as a gradient does
    "flatten", "view", "reshape", "size", "squeeze", "unsqueeze", "get", "contiguous", "dim", "shape",
    "permute", "transpose", "unflatten", "clone", "detach", "to", "type", "len",
}  # fmt: skip


def guided_backprop(capture: Capture) -> GridMaps:
    """Magnitude of the guided gradient at each pixel, the largest of the colours.

    Raises:
        Unsupported: not all activations are modules of ReLU.
    """
    return rectified(capture, attr.GuidedBackprop, "GuidedBackprop")


def deconvolution(capture: Capture) -> GridMaps:
    """Magnitude of what deconvolution brings back to each pixel, the largest of the colours.

    Raises:
        Unsupported: not all activations are modules of ReLU.
    """
    return rectified(capture, attr.Deconvolution, "Deconvolution")


def rectified(capture: Capture, method: type, name: str) -> GridMaps:
    """One of the two methods that change what ReLUs pass down."""
    with lent(capture) as network:
        steps = steps_of(network, capture.batch.images[:1])
        refuse_loose(steps, name)
        others = sorted(steps.activations - {"relu"})
        if others or not steps.activations:
            raise Unsupported(
                f"Captum's {name} is for ReLU; this network has {', '.join(others) or 'none'}"
            )
        attributions: Images = method(network).attribute(leaves(capture), target=capture.batch.targets)
    maps: GridMaps = attributions.detach().abs().amax(1)
    return maps


def deep_lift(capture: Capture) -> GridMaps:
    """Contributions to the logit's difference from that of the mean colour, summed over the colours.

    Signed; the rescale rule. They sum up to that difference.

    Raises:
        Unsupported: an activation is no module, is used twice, or has no rule.
    """
    with lent(capture) as network:
        steps = steps_of(network, capture.batch.images[:1])
        refuse_loose(steps, "DeepLift")
        if others := sorted(steps.activations - RESCALED):
            raise Unsupported(f"Captum's DeepLift has no rule for {', '.join(others)}")
        twice = [module for module, count in steps.calls.items() if count > 1]
        if twice:
            raise Unsupported(
                f"Captum's DeepLift needs modules used once; {type(twice[0]).__name__} is not"
            )
        images = leaves(capture)
        attributions = attr.DeepLift(network).attribute(
            images, baselines=torch.zeros_like(images), target=capture.batch.targets
        )
    maps: GridMaps = attributions.detach().sum(1)
    return maps


def lrp(capture: Capture) -> GridMaps:
    """Relevance of each pixel for the target logit by the epsilon rule, summed over the colours; signed.

    Raises:
        Unsupported: a module has no rule, or the network adds or multiplies outside of modules.
    """
    with lent(capture, own_weights=True) as network:
        steps = steps_of(network, capture.batch.images[:1])
        loose = sorted(set(steps.outside) - PASSED)
        if loose:
            raise Unsupported(
                f"Captum's LRP has rules for modules alone; this network calls {', '.join(loose)}"
            )
        if twice := [module for module, count in steps.calls.items() if count > 1]:
            raise Unsupported(f"Captum's LRP needs modules used once; {type(twice[0]).__name__} is not")
        for module in network.modules():
            if isinstance(module, nn.Flatten | nn.Identity):  # Captum leaves their rule to the user
                module.rule = EpsilonRule()
        try:
            attributions = attr.LRP(network).attribute(leaves(capture), target=capture.batch.targets)
        except TypeError as error:  # Captum's word for a module without a rule
            raise Unsupported(f"Captum's LRP: {error}") from error
    maps: GridMaps = attributions.detach().sum(1)
    return maps


def refuse_loose(steps: Steps, name: str) -> None:
    """Raise Unsupported where an activation is a function, which Captum's hooks do not see."""
    if steps.loose_activations:
        loose = ", ".join(steps.loose_activations)
        raise Unsupported(f"Captum's {name} hooks modules; this network calls {loose} as a function")
