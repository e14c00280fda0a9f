"""How alike two maps are, one number a pair."""

from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from xaibench.api.types import Maps, Scores

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2  # of a data range of 1


def pearson(first: Maps, second: Maps) -> Scores:
    """Correlation over the pixels, in [-1, 1]; NaN where a map is constant."""
    return correlation(first.flatten(1).double(), second.flatten(1).double())


def spearman(first: Maps, second: Maps) -> Scores:
    """Correlation of the pixels' ranks, in [-1, 1]; NaN where a map is constant.

    Equal pixels share their mean rank: the order of a plateau, such as what a ReLU has cut off, says
    nothing.
    """
    return correlation(average_ranks(first), average_ranks(second))


def correlation(first: Tensor, second: Tensor) -> Scores:
    """Pearson's, of the rows of two (B, N)."""
    a, b = (values - values.mean(1, keepdim=True) for values in (first, second))
    # a - mean of equal numbers need not be 0, by rounding: constant rows are told by their extremes
    constant = (first.amin(1) == first.amax(1)) | (second.amin(1) == second.amax(1))
    found: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    return found.clamp(-1, 1).masked_fill(constant, torch.nan)


def average_ranks(maps: Maps) -> Tensor:
    """(B, H * W) of float64: 0 for the smallest pixel, equal ones sharing the mean of their ranks."""
    values = maps.flatten(1).contiguous()
    ordered = values.sort(dim=1).values
    before = torch.searchsorted(ordered, values)
    after = torch.searchsorted(ordered, values, right=True)
    ranks: Tensor = (before + after - 1).double() / 2
    return ranks


def ssim(first: Maps, second: Maps) -> Scores:
    """Mean structural similarity of maps in [0, 1], Wang et al. 2004; in [-1, 1], NaN where one is flat.

    Gaussian window of 11 pixels and sigma 1.5, or the largest odd one that fits; whole windows only.
    """
    a, b = first.double(), second.double()
    constant = (a.amin((1, 2)) == a.amax((1, 2))) | (b.amin((1, 2)) == b.amax((1, 2)))
    side = min(WINDOW, *(length - 1 + length % 2 for length in a.shape[1:]))
    profile = gaussian(side).to(a.device)
    kernel = (profile[:, None] * profile)[None, None]

    def local_mean(values: Tensor) -> Tensor:
        return F.conv2d(values[:, None], kernel)[:, 0]

    mean_a, mean_b = local_mean(a), local_mean(b)
    variances = local_mean(a * a) - mean_a**2 + local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return (luminance * structure).mean((1, 2)).masked_fill(constant, torch.nan)


@cache
def gaussian(side: int) -> Tensor:
    """(side,) weights that add up to 1."""
    offsets = torch.arange(side, dtype=torch.float64) - side // 2
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    return weights / weights.sum()
