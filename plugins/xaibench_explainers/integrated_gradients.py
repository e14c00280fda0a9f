"""Integrated Gradients. Sundararajan et al. 2017, arXiv:1703.01365."""

import math

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.types import GridMaps, Images
from xaibench.api.variants import Asks, Variants


def integrated_gradients(
    capture: Capture, steps: int = 50, tolerance: float = 0.05, most: int = 400
) -> Asks[GridMaps]:
    """Gradients along the straight line from the mean colour, times the way, summed over the colours.

    Eq. 3 by the midpoint rule; signed. The attributions should sum to the logit's difference between
    image and mean colour (completeness). How far they are off is remarked in the image's row.

    Args:
        capture: of any classifier.
        steps: points on the line, each a forward and a backward. Doubled for an image whose sum is
            farther off than `tolerance`.
        tolerance: share of the logit's difference.
        most: points on the line beyond which they are not doubled.
    """
    batch = capture.batch
    grey = torch.zeros_like(batch.images[:1])  # the mean colour, once images are normalised
    flat = yield Variants(lambda row, k: grey.expand(len(k), -1, -1, -1), 1, "logit", {0: "grey"})
    gained = capture.logits.gather(1, batch.targets[:, None]) - flat
    maps = []
    for trial, difference in enumerate(gained.flatten().tolist()):
        used = steps
        attributed = attributions(capture, trial, used)
        while (off := residual(attributed, difference)) > tolerance and 2 * used <= most:
            used *= 2
            attributed = attributions(capture, trial, used)
        capture.remark(
            trial, f"{used} steps; the attributions' sum is {off:.2%} off the logit's difference"
        )
        maps.append(attributed.sum(0))
    return torch.stack(maps)


def attributions(capture: Capture, trial: int, steps: int) -> Tensor:
    """(3, H, W) of one trial: the image times the mean gradient at the middles of `steps` steps."""
    image, target = capture.batch.images[trial], capture.batch.targets[trial]
    gradients = capture.image_gradients_at(path(image, steps), target.expand(steps))
    return image * gradients.mean(0)


def path(image: Tensor, steps: int) -> Images:
    """The middles of equal steps from the mean colour to the image."""
    share = (torch.arange(steps).to(image) + 0.5) / steps
    return share[:, None, None, None] * image


def residual(attributed: Tensor, difference: float) -> float:
    """How far the attributions' sum is off the logit's difference, as a share of that."""
    off = abs(float(attributed.sum()) - difference)
    return off / abs(difference) if difference else (math.inf if off else 0.0)
