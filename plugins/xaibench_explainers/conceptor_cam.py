"""Conceptors on saliency maps: Conceptor-CAM, and conceptors as a regulator of other explainers.

An independent reconstruction ("CC-R2, evidence read-out"): of Conceptor-CAM (Qian et al. 2022,
arXiv:2201.08636) only the abstract could be obtained, so this is not the authors' algorithm and does
not reproduce their numbers. It transplants the evidence read-out of conceptors (Jaeger 2014,
arXiv:1403.3369, section 3.13) from time steps to positions of a feature map: the feature vectors
a_n under a map m learn a conceptor C, and the saliency of position n is the share of its feature
vector that C lets through, a_n' C a_n / |a_n|^2.
"""

import torch
from torch import Tensor

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, weighted_sum
from xaibench.api.types import Grid, GridMaps
from xaibench_explainers.composed import Explain, followed

NEGATIONS, READ_OUTS = ("rival", "none"), ("evidence", "jaeger")
DEARER = 1.5  # times as many positions as channels take as long: channels have more to multiply


def conceptor_cam(
    capture: Capture,
    aperture_squared: float = 3.0,
    negation: str = "rival",
    readout: str = "evidence",
) -> GridMaps:
    """Evidence under the conceptor of the target class AND NOT under that of its runner-up.

    Both conceptors are learned from HiResCAM maps: sum over the channels of gradient times
    activation. The rival's counts only where the target's own map is small.

    Args:
        capture: of any classifier with gradients at the target layer; a backward pass for the rival.
        aperture_squared: in units of the mean correlation; at most 1e4.
        negation: "rival", or "none": positive evidence alone.
        readout: "evidence", or "jaeger": as in section 3.13 there, positive evidence a_n' C a_n, not
            divided by |a_n|^2, and (unless `negation` is "none") what the rival's conceptor does not
            let through, each scaled to [0, 1], multiplied.

    Raises:
        ValueError: there is no such negation or read-out.
    """
    for name, given, known in (("negation", negation, NEGATIONS), ("readout", readout, READ_OUTS)):
        if given not in known:
            raise ValueError(f"{name} is {given!r}; it must be one of {', '.join(known)}")
    features = capture.activations
    own = at_most_one(weighted_sum(capture.gradients, features).relu())
    if negation == "rival":
        slopes = capture.gradients_for(runner_up(capture))
        rival = at_most_one(weighted_sum(slopes, features).relu())
    if readout == "jaeger":
        energy = rescale(evidence(features, own, aperture_squared) * features.square().sum(1))
        if negation == "none":
            return energy
        return energy * rescale(1 - evidence(features, rival, aperture_squared))
    return evidence(features, own, aperture_squared, rival * (1 - own) if negation == "rival" else None)


def regulated(explainer: Explain, aperture_squared: float = 30.0, sharp: bool = False) -> Explain:
    """`explainer` regulated by the conceptor of its own evidence: works for any with a map.

    Args:
        explainer: from a capture to maps at the target layer's resolution, at once or by asking
            for forwards.
        aperture_squared: of the conceptor, in units of the mean correlation; larger lets more
            through.
        sharp: multiply the evidence with the map: more energy on the object, less coverage.

    Raises:
        Unsupported: the maps do not lie on the target layer's grid, so they weigh no features.
    """

    def read(capture: Capture, maps: Tensor) -> GridMaps:
        maps = on_grid(maps, capture.activations).relu()
        sound = maps.isfinite().flatten(1).all(1)[:, None, None]
        usable = torch.where(sound, maps, 0)  # one image's NaN must not spoil the solve of all
        read_evidence = evidence(capture.activations, at_most_one(usable), aperture_squared)
        return torch.where(sound, read_evidence * usable if sharp else read_evidence, torch.nan)

    return followed(explainer, read)


def on_grid(maps: Tensor, activations: Grid) -> GridMaps:
    """The maps an explainer returned, if they are one a cell of the target layer's grid."""
    height, width = activations.shape[2:]
    if maps.shape[1:] != (height, width):
        raise Unsupported(
            f"conceptors weigh the features of the target layer's {height} x {width} cells; this "
            f"explainer's map has {maps.shape[1]} x {maps.shape[2]}"
        )
    return maps


def evidence(
    activations: Grid, positive: GridMaps, aperture_squared: float, negative: GridMaps | None = None
) -> GridMaps:
    """a_n' C a_n / |a_n|^2 at every position n, in [0, 1); 0 where a_n is 0.

    C = R (R + I / aperture^2)^-1 with R = sum_n m_n a_n a_n' / t and t = sum_n m_n |a_n|^2, so that
    the trace of R is 1; with negative weights, C AND NOT the conceptor of those.

    Solved among positions or among channels, whichever is less work. In float64, since the condition
    number grows like aperture^4; every eigenvalue of what is inverted is at least 1. The inner products
    of the features need no more than the features' own precision.

    Args:
        activations: (B, K, h, w).
        positive: (B, h, w), weights in [0, 1] of the positions the conceptor is learned from.
        aperture_squared: at most 1e4.
        negative: (B, h, w), weights of the positions whose features count against.
    """
    if not 0 < aperture_squared <= 1e4:
        raise ValueError(f"aperture_squared is {aperture_squared}; it must be in (0, 1e4]")
    features = activations.flatten(2)
    length = features.square().sum(1).double()
    own = root_share(length, positive, aperture_squared)
    against = None if negative is None else root_share(length, negative, aperture_squared)
    solve = among_positions if features.shape[2] <= DEARER * features.shape[1] else among_channels
    kept = solve(features, own, against)
    share = torch.where(length > 0, kept / torch.where(length > 0, length, 1), 0)
    return share.view_as(activations[:, 0]).to(activations)


def root_share(length: Tensor, maps: GridMaps, aperture_squared: float) -> Tensor:
    """(B, N): aperture times the root of each position's share of t = sum_n m_n |a_n|^2."""
    weights = maps.flatten(1).to(length)
    total = (weights * length).sum(1, keepdim=True)
    share = torch.where(total > 0, weights / torch.where(total > 0, total, 1), 0)
    return (aperture_squared * share).sqrt()


def among_positions(features: Tensor, own: Tensor, against: Tensor | None) -> Tensor:
    """(B, N): a_n' C a_n by an N x N solve.

    With Y = A diag(own) and Z = A diag(against), C A = Y (I + Y'Y + H'H)^-1 Y'A where H = Z'Y: all of
    them rows and columns of the positions' inner products, A'A, scaled.
    """
    projected = own[:, :, None] * (features.mT @ features)  # Y'A, in float64 as `own` is
    system = projected * own[:, None]
    if against is not None:
        shared = against[:, :, None] * projected.mT
        system.baddbmm_(shared.mT, shared)
    system.diagonal(dim1=1, dim2=2).add_(1)
    solved = torch.linalg.solve_triangular(torch.linalg.cholesky(system), projected, upper=False)
    kept: Tensor = torch.linalg.vector_norm(solved, dim=1).square()
    return kept


def among_channels(features: Tensor, own: Tensor, against: Tensor | None) -> Tensor:
    """(B, N): a_n' C a_n by K x K solves, for shallow layers, which have more positions than channels.

    C = (P^-1 + Q + I)^-1 with P and Q the scaled correlations of both. With Q + I = G G' and S = G'P G
    that is y' S (I + S)^-1 y of y = G^-1 a, which asks for no inverse of P, as P may be singular.
    """
    features = features.double()
    eye = torch.eye(features.shape[1]).to(features)
    scaled, projected = correlation(features, own), features
    if against is not None:
        factor = torch.linalg.cholesky(eye + correlation(features, against))
        scaled = factor.mT @ scaled @ factor
        projected = torch.linalg.solve_triangular(factor, features, upper=False)
    solved = torch.cholesky_solve(projected, torch.linalg.cholesky(eye + scaled))
    kept: Tensor = ((scaled @ projected) * solved).sum(1)
    return kept.clamp(min=0)  # round-off below 0 is no evidence


def correlation(features: Tensor, roots: Tensor) -> Tensor:
    """(B, K, K): the sum over positions of a_n a_n', each weighted by its root squared."""
    weighted = features * roots[:, None]
    return weighted @ weighted.mT


def at_most_one(maps: GridMaps) -> GridMaps:
    """Non-negative maps divided by their largest value; all-zero maps as they are."""
    largest = maps.amax((1, 2), keepdim=True)
    return torch.where(largest > 0, maps / torch.where(largest > 0, largest, 1), 0)


def runner_up(capture: Capture) -> Tensor:
    """(B,): the class with the highest logit but for the target."""
    targets = capture.batch.targets[:, None]
    return capture.logits.scatter(1, targets, -torch.inf).argmax(1)
