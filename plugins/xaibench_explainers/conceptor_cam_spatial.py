"""The first reconstruction of Conceptor-CAM ("CC-R1", spatial AND-NOT), kept for comparison.

An independent reconstruction from the abstract of Qian et al. 2022, arXiv:2201.08636; not the authors'
algorithm. The channels' contributions to a class, split by sign, are states over the positions of the
map; the base map is put through the conceptor of the positive ones AND NOT that of the negative ones.
It was designed on synthetic scenes and hurt a real network, where both kinds share the object's
positions, so that NOT the negative ones erases the object; `conceptor_cam` came after it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.types import Grid, GridMaps

SPACES = ("positions", "channels", "both")


def conceptor_cam_spatial(
    capture: Capture,
    aperture_squared: float = 100.0,
    negative_aperture: float = 1.0,
    rivals: int = 3,
    rival_weight: float = 0.25,
    space: str = "positions",
) -> GridMaps:
    """The HiResCAM map through the conceptor of what speaks for the class and not against it.

    Against it speak its own negative contributions and the positive ones of its runners-up, each in
    proportion to its probability among them. With `negative_aperture` 0 only the runners-up do, with
    `rivals` 0 only its own negative contributions, with both nothing is negated.

    Args:
        capture: of any classifier with gradients at the target layer; a backward pass a rival.
        aperture_squared: in units of the mean correlation; at most 1e4.
        negative_aperture: of what speaks against, as a multiple of that of what speaks for.
        rivals: how many runners-up, at most; 0: its own negative contributions only.
        rival_weight: of all rivals together.
        space: the states that the conceptors are learned from: "positions" over the channels, so that
            the map is regulated; "channels" over the positions, so that the activations are, before
            the gradients weigh them; "both": the mean of the two maps, before the ReLU.

    Raises:
        ValueError: the aperture is not in (0, 1e4], or there is no such space.
    """
    if space not in SPACES:
        raise ValueError(f"space is {space!r}; it must be one of {', '.join(SPACES)}")
    gradients, activations = capture.gradients, capture.activations
    best, shares = runners_up(capture, rivals)
    others = [(capture.gradients_for(targets) * activations).relu() for targets in best.T]
    contributions = gradients * activations
    given = (aperture_squared, negative_aperture, others, rival_weight * shares)
    if space == "positions":
        return through_conceptors(contributions, *given)
    own, against = states_of(contributions, *given)
    regulated = among_states(own, torch.cat(against, 2), activations.flatten(2))
    maps = (gradients.flatten(2) * regulated).sum(1)
    if space == "both":
        maps = (maps + and_not(own, torch.cat(against, 1), contributions.flatten(2).sum(1))) / 2
    return maps.relu().view_as(contributions[:, 0]).to(contributions)


def through_conceptors(
    contributions: Grid,
    aperture_squared: float,
    negative_aperture: float = 1.0,
    rivals: Sequence[Grid] = (),
    weights: Tensor | None = None,
) -> GridMaps:
    """ReLU(S* l), with l the sum of the contributions and S* = S+ AND NOT S-, (N, N) an image.

    With X+ and X- the positive and negative contributions, (K, N), and t = |X+|^2, P = a^2 X+'X+ / t
    and Q = a^2 rho^2 X-'X- / t + sum_j w_j a^2 X_j'X_j / |X_j|^2, it is S* = (P^-1 + Q + I)^-1, the
    limit of that where P is singular: S+ is the conceptor of P and S- that of Q. Adding to Q is OR.

    Args:
        contributions: (B, K, h, w), of each channel to the target class, signed.
        aperture_squared: a^2, in (0, 1e4].
        negative_aperture: rho.
        rivals: X_j, (B, K, h, w) each, not negative.
        weights: w_j, (B, number of rivals).
    """
    own, against = states_of(contributions, aperture_squared, negative_aperture, rivals, weights)
    maps = and_not(own, torch.cat(against, 1), contributions.flatten(2).sum(1))
    return maps.relu().view_as(contributions[:, 0]).to(contributions)


def states_of(
    contributions: Grid,
    aperture_squared: float,
    negative_aperture: float,
    rivals: Sequence[Grid],
    weights: Tensor | None,
) -> tuple[Tensor, list[Tensor]]:
    """What speaks for the class, (B, K, N), and against it, each times the root of its aperture."""
    if not 0 < aperture_squared <= 1e4:
        raise ValueError(f"aperture_squared is {aperture_squared}; it must be in (0, 1e4]")
    states = contributions.flatten(2)
    aperture, scale = aperture_squared**0.5, norm(states.relu())
    own = over(aperture * states.relu(), scale)
    against = [over(aperture * negative_aperture * (-states).relu(), scale)]
    for j, rival in enumerate(rivals):
        root = aperture if weights is None else aperture * weights[:, j].sqrt()[:, None, None]
        against.append(over(root * rival.flatten(2), norm(rival.flatten(2))))
    return own, against


def among_states(own: Tensor, against: Tensor, activations: Tensor) -> Tensor:
    """C* A, (B, K, N) in float64: C* = (P^-1 + Q + I)^-1 among channels, P = YY', Q = ZZ'.

    Y is `own` and Z `against`, (B, K, J). C* = Y (I + Y'Y + H'H)^-1 Y' where H = Z'Y, so that the
    solve is as large as there are positions.
    """
    own, against = own.double(), against.double()
    across = against.mT @ own
    eye = torch.eye(own.shape[2], dtype=torch.double, device=own.device)
    factor = torch.linalg.cholesky(eye + own.mT @ own + across.mT @ across)
    regulated_maps: Tensor = own @ torch.cholesky_solve(own.mT @ activations.double(), factor)
    return regulated_maps


def and_not(own: Tensor, against: Tensor, maps: Tensor) -> Tensor:
    """S* l, (B, N) in float64, with P = Y'Y and Q = Z'Z for own Y, (B, K, N), and against Z, (B, J, N).

    Solved among positions or among channels, whichever are fewer; in float64, since the condition
    number grows like aperture^4. Every eigenvalue of what is solved is at least 1.
    """
    solve = among_positions if own.shape[2] <= own.shape[1] else among_channels
    return solve(own, against, maps.double()[:, :, None])[:, :, 0]


def among_positions(own: Tensor, against: Tensor, maps: Tensor) -> Tensor:
    """L'^-1 (I + L'PL)^-1 L'PL L^-1 l, where Q + I = LL'."""
    eye = torch.eye(own.shape[2], dtype=torch.double, device=own.device)
    factor = torch.linalg.cholesky(eye + (against.mT @ against).double())
    middle = factor.mT @ (own.mT @ own).double() @ factor
    inner = middle @ torch.linalg.solve_triangular(factor, maps, upper=False)
    solved = torch.cholesky_solve(inner, torch.linalg.cholesky(eye + middle))
    regulated_maps: Tensor = torch.linalg.solve_triangular(factor.mT, solved, upper=True)
    return regulated_maps


def among_channels(own: Tensor, against: Tensor, maps: Tensor) -> Tensor:
    """Y' (I + YY' + YZ'ZY')^-1 Y l: the same, for shallow layers."""
    own = own.double()
    across = own @ against.double().mT
    eye = torch.eye(own.shape[1], dtype=torch.double, device=own.device)
    factor = torch.linalg.cholesky(eye + own @ own.mT + across @ across.mT)
    regulated_maps: Tensor = own.mT @ torch.cholesky_solve(own @ maps, factor)
    return regulated_maps


def norm(states: Tensor) -> Tensor:
    """(B, 1, 1): the root of the sum of squares, in float64, where small squares do not vanish."""
    lengths: Tensor = torch.linalg.vector_norm(states, dim=(1, 2), keepdim=True, dtype=torch.double)
    return lengths


def over(states: Tensor, lengths: Tensor) -> Tensor:
    """States divided by their length; none where that is 0."""
    factor = torch.where(lengths > 0, 1 / torch.where(lengths > 0, lengths, 1), 0)
    return (states * factor).to(states)


def runners_up(capture: Capture, count: int) -> tuple[Tensor, Tensor]:
    """(B, m) each: the best classes but the target, and their probabilities, made to sum to 1."""
    others = capture.logits.scatter(1, capture.batch.targets[:, None], -torch.inf)
    best = others.topk(min(count, others.shape[1] - 1), 1)
    return best.indices, best.values.softmax(1)
