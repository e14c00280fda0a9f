"""How alike two maps are, one number a pair."""

from collections.abc import MutableMapping
from functools import cache

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from xaibench.api.types import Maps, Scores

WINDOW, SIGMA = 11, 1.5
_RANKS: MutableMapping[Maps, tuple[int, Tensor]] = WeakIdKeyDictionary()
C1, C2 = 0.01**2, 0.03**2  # of a data range of 1


def pearson(first: Maps, second: Maps) -> Scores:
    """Correlation over the pixels, in [-1, 1]; NaN where a map is constant."""
    return correlation(first.flatten(1).double(), second.flatten(1).double())


def spearman(first: Maps, second: Maps) -> Scores:
    """Correlation of the pixels' ranks, in [-1, 1]; NaN where a map is constant.

    Equal pixels share their mean rank: the order of a plateau, such as what a ReLU has cut off, says
    nothing. The ranks of `first` are remembered for as long as it is alive: a map is often held
    against one after another.
    """
    known = _RANKS.get(first)
    if known is None or known[0] != first._version:
        known = _RANKS[first] = (first._version, average_ranks(first))
    return correlation(known[1], average_ranks(second))


def correlation(first: Tensor, second: Tensor) -> Scores:
    """Pearson's, of the rows of two (B, N)."""
    a, b = (values - values.mean(1, keepdim=True) for values in (first, second))
    # a - mean of equal numbers need not be 0, by rounding: constant rows are told by their extremes
    constant = (first.amin(1) == first.amax(1)) | (second.amin(1) == second.amax(1))
    correlations: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    return correlations.clamp(-1, 1).masked_fill(constant, torch.nan)


def average_ranks(maps: Maps) -> Tensor:
    """(B, H * W) of float64: 0 for the smallest pixel, equal ones sharing the mean of their ranks."""
    ordered, order = maps.flatten(1).sort(dim=1)
    begins = torch.ones_like(ordered, dtype=torch.bool)  # a run of equal pixels
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = begins.flatten().nonzero().squeeze(1)
    end = torch.cat([first[1:], first.new_tensor([begins.numel()])])
    mean = (first + end - 1).double() / 2  # counted through all maps
    run = begins.flatten().cumsum(0) - 1
    ranks = mean[run].view_as(ordered)
    ranks -= torch.arange(len(maps), device=maps.device)[:, None] * ordered.shape[1]
    return torch.empty_like(ranks).scatter_(1, order, ranks)


def ssim(first: Maps, second: Maps) -> Scores:
    """Mean structural similarity of maps in [0, 1], Wang et al. 2004; in [-1, 1], NaN where one is flat.

    Gaussian window of 11 pixels and sigma 1.5, or the largest odd one that fits; whole windows only.
    """
    a, b = first.double(), second.double()
    constant = (a.amin((1, 2)) == a.amax((1, 2))) | (b.amin((1, 2)) == b.amax((1, 2)))
    side = min(WINDOW, *(length - 1 + length % 2 for length in a.shape[1:]))
    down, across = (windows(side, length).to(a.device) for length in a.shape[1:])

    def local_mean(values: Tensor) -> Tensor:
        return down @ values @ across.T

    mean_a, mean_b = local_mean(a), local_mean(b)
    variances = local_mean(a * a) - mean_a**2 + local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return (luminance * structure).mean((1, 2)).masked_fill(constant, torch.nan)


@cache
def windows(side: int, length: int) -> Tensor:
    """(length - side + 1, length): each row weighs a window of `side` pixels by a Gaussian."""
    offsets = torch.arange(side, dtype=torch.float64) - side // 2
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    first = torch.arange(length - side + 1)[:, None]
    rows = torch.zeros(len(first), length, dtype=torch.float64)
    return rows.scatter_(1, first + torch.arange(side), (weights / weights.sum()).expand(len(first), -1))
