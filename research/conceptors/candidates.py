"""Maps by conceptors that `conceptors.search` tries: states, weights, negatives, read-outs, layers.

All start from the reconstruction's default, the evidence a_n' C a_n / |a_n|^2 of the activations under
the conceptor of a map (`xaibench_explainers.conceptor_cam`), and change one thing or two of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor
from xaibench_explainers.conceptor_cam import among_channels, among_positions, at_most_one, root_share
from xaibench_explainers.conceptor_cam_spatial import through_conceptors

from xaibench.api.maps import rescale, upsample, weighted_sum
from xaibench.api.types import Grid, GridMaps

APERTURES = (3.0, 10.0, 30.0, 100.0, 300.0)
FEWER = (3.0, 30.0, 100.0)
FAINT = 0.1


@dataclass(frozen=True)
class Base:
    """An explainer's map and what stands against it.

    Args:
        own: (B, h, w), not negative.
        opposed: the same of the logit's negative: evidence against the class.
        rivals: the same of the runners-up, best first.
    """

    own: GridMaps
    opposed: GridMaps
    rivals: tuple[GridMaps, ...]


@dataclass(frozen=True)
class Features:
    """The cached tensors of all trials: every candidate's map is made from them without the network.

    Args:
        activations, gradients: (B, K, h, w), at the target layer.
        earlier: (B, J, h', w'), activations of a layer before it.
        finer: (B, h', w'), Layer-CAM there, without conceptors.
        bases: by name.
    """

    activations: Grid
    gradients: Grid
    earlier: Grid
    finer: GridMaps
    bases: Mapping[str, Base]


@dataclass(frozen=True)
class Candidate:
    """A map by conceptors; the defaults are those of NAME+conceptors.

    Args:
        states: which vectors stand at the positions.
        weights: how much of each position the conceptor learns.
        against: whose conceptor is negated.
        faint: the squared aperture of that, as a share of the other's.
        read: how a position is read out.
        layer: whose activations.
        aperture: squared.
    """

    states: str = "raw"
    weights: str = "map"
    against: str = "none"
    faint: float = 1.0
    read: str = "share"
    layer: str = "last"
    aperture: float = 30.0

    def __str__(self) -> str:
        """Return the settings that differ from the default, then the aperture."""
        changed = [f"{axis} {value}" for axis, value in changes(self).items()]
        return ", ".join([*changed, f"a²={self.aperture:g}"])

    @property
    def axis(self) -> str:
        """The settings that differ from the default, without the aperture, as text."""
        return str(self).rpartition("a²=")[0].removesuffix(", ") or "default"


def grid_of_candidates(signed: bool) -> list[Candidate]:
    """Return the candidates of the wide search: one change at a time, each at several apertures."""
    states = [name for name in STATES if signed or name != "positive part"]
    candidates = [Candidate(states=s, aperture=a) for s, a in product(states, APERTURES)]
    candidates += [Candidate(weights=w, aperture=a) for w, a in product(WEIGHTS, FEWER)]
    candidates += [
        Candidate(against=n, faint=f, aperture=a)
        for n, f, a in product(AGAINST, (1.0, FAINT), (3.0, 30.0))
    ]
    candidates += [Candidate(read=r, aperture=a) for r, a in product(READ, FEWER)]
    candidates += [Candidate(layer=name, aperture=a) for name, a in product(("earlier", "both"), FEWER)]
    candidates += [Candidate(read=name, aperture=a) for name, a in product(SPATIAL, (10.0, 100.0))]
    return list(dict.fromkeys(candidates))


def combined(best: list[Candidate]) -> list[Candidate]:
    """Return candidates with two of the changes at once, at the apertures of both."""
    candidates = []
    for first, second in combinations(best, 2):
        ours, theirs = changes(first), changes(second)
        if not ours.keys() & theirs.keys():
            apertures = dict.fromkeys((first.aperture, second.aperture))
            candidates += [Candidate(**ours, **theirs, aperture=a) for a in apertures]
    return candidates


def changes(candidate: Candidate) -> dict[str, Any]:
    """Return the settings that differ from the default, without the aperture."""
    plain, names = Candidate(), [axis.name for axis in fields(candidate) if axis.name != "aperture"]
    return {n: getattr(candidate, n) for n in names if getattr(candidate, n) != getattr(plain, n)}


def maps_of(candidate: Candidate, features: Features, base: Base) -> GridMaps:
    """Return a candidate's maps, (B, h, w), not negative."""
    if candidate.read in SPATIAL:
        contributions, rho = features.gradients * features.activations, SPATIAL[candidate.read]
        return through_conceptors(contributions, candidate.aperture, rho)
    if candidate.layer == "last":
        return at_layer(candidate, STATES[candidate.states](features), base)
    earlier = at_layer(candidate, features.earlier, resized(base, features.earlier))
    if candidate.layer == "earlier":
        return earlier
    last = at_layer(candidate, STATES[candidate.states](features), base)
    return (earlier * upsample(last, earlier.shape[1:])).sqrt()


def at_layer(candidate: Candidate, states: Grid, base: Base) -> GridMaps:
    """Return the read-out of some states under the conceptor of the base's weights."""
    own = at_most_one(base.own)
    length = states.square().sum(1).double()
    weights = WEIGHTS[candidate.weights](base)
    against = AGAINST[candidate.against](base, own, length) if candidate.against != "none" else None
    kept = let_through(states, weights, candidate.aperture, against, candidate.faint)
    share = over(kept, length).to(states)
    read = READ[candidate.read]
    if read is jaeger:
        rivals = over(let_through(states, at_most_one(base.rivals[0]), candidate.aperture), length)
        return jaeger(kept.to(states), rivals.to(states))
    return read(share, own, kept.to(states))


def let_through(
    states: Grid, own: GridMaps, aperture: float, against: GridMaps | None = None, faint: float = 1.0
) -> Tensor:
    """Return a_n' C a_n, (B, h, w) of float64: undivided evidence, with an aperture for each side."""
    features = states.flatten(2)
    length = features.square().sum(1).double()
    positive = root_share(length, own, aperture)
    negative = None if against is None else root_share(length, against, aperture * faint)
    solve = among_positions if features.shape[2] <= features.shape[1] else among_channels
    return solve(features, positive, negative).view_as(states[:, 0])


def over(kept: Tensor, length: Tensor) -> Tensor:
    """Return the quotient; 0 where the length is 0."""
    return torch.where(length > 0, kept / torch.where(length > 0, length, 1), 0)


def resized(base: Base, like: Grid) -> Base:
    """Return the base's maps at the grid of `like`."""
    size = like.shape[2:]
    rivals = tuple(upsample(rival, size) for rival in base.rivals)
    return Base(upsample(base.own, size), upsample(base.opposed, size), rivals)


def centred(states: Grid) -> Grid:
    """Return the states with the mean of each channel subtracted."""
    return states - states.mean((2, 3), keepdim=True)


def evened(states: Grid) -> Grid:
    """Return each channel divided by its root mean square; channels of zeros stay zero."""
    size = states.square().mean((2, 3), keepdim=True).sqrt()
    return torch.where(size > 0, states / torch.where(size > 0, size, 1), 0)


def unit(states: Grid) -> Grid:
    """Return each position's vector divided by its length."""
    return torch.nn.functional.normalize(states, dim=1)


def whitened(states: Grid) -> Grid:
    """Return U V' of the singular value decomposition: orthonormal positions, where they are fewer."""
    left, _, right = torch.linalg.svd(states.flatten(2).double(), full_matrices=False)
    return torch.matmul(left, right).view_as(states).to(states)


def place(states: Grid) -> Grid:
    """Return four channels that encode a position, as strong as all of the states' together."""
    height, width = states.shape[2:]
    down = torch.linspace(0, 1, height)[:, None].expand(height, width)
    across = torch.linspace(0, 1, width).expand(height, width)
    corners = torch.stack([down, 1 - down, across, 1 - across]).to(states)
    power = states.square().sum(1).mean((1, 2)) / corners.square().sum(0).mean()
    return power.sqrt()[:, None, None, None] * corners


def softmax(base: Base) -> GridMaps:
    """Return the softmax of the map, in units of its spread."""
    spread = base.own.std((1, 2), keepdim=True)
    return at_most_one(
        (base.own / torch.where(spread > 0, spread, 1)).flatten(1).softmax(1).view_as(base.own)
    )


def top_quarter(base: Base) -> GridMaps:
    """Return 1 at the quarter of the positions where the map is largest, else 0."""
    least = base.own.flatten(1).quantile(0.75, dim=1)[:, None, None]
    return ((base.own >= least) & (base.own > 0)).to(base.own)


def any_rival(base: Base, own: GridMaps, length: Tensor) -> GridMaps:
    """Return weights of all rivals' conceptors joined by OR: the sum of correlations of trace 1."""
    shares = []
    for rival in base.rivals:
        weights = at_most_one(rival).to(length)
        shares.append(over(weights, (weights * length).sum((1, 2), keepdim=True)))
    return (torch.stack(shares).sum(0) * (1 - own)).to(own)


def jaeger(kept: Tensor, rivals: Tensor) -> GridMaps:
    """Return positive evidence times what the rival's conceptor does not let through, each on [0, 1]."""
    return rescale(kept) * rescale(1 - rivals)


def less_background(share: Tensor, own: Tensor, kept: Tensor) -> GridMaps:
    """Return the part of the share above its mean where the map is small."""
    around = 1 - own
    mean = (share * around).sum((1, 2), keepdim=True) / around.sum((1, 2), keepdim=True).clamp(min=1e-9)
    return (share - mean).relu()


STATES: dict[str, Callable[[Features], Grid]] = {
    "raw": lambda features: features.activations,
    "gradient x activation": lambda features: features.gradients * features.activations,
    "positive gradient x activation": lambda features: features.gradients.relu() * features.activations,
    "positive part": lambda features: features.activations.relu(),
    "channels evened": lambda features: evened(features.activations),
    "centred": lambda features: centred(features.activations),
    "standardised": lambda features: evened(centred(features.activations)),
    "unit": lambda features: unit(features.activations),
    "whitened": lambda features: whitened(features.activations),
    "placed": lambda features: torch.cat([features.activations, place(features.activations)], 1),
    "place alone": lambda features: place(features.activations),  # a control: no features at all
}
WEIGHTS: dict[str, Callable[[Base], GridMaps]] = {
    "map": lambda base: at_most_one(base.own),
    "squared": lambda base: at_most_one(base.own).square(),
    "softmax": softmax,
    "top quarter": top_quarter,
    "less the rival's": lambda base: at_most_one((base.own - base.rivals[0]).relu()),
}
AGAINST: dict[str, Callable[[Base, GridMaps, Tensor], GridMaps]] = {
    "background": lambda base, own, length: 1 - own,
    "rival": lambda base, own, length: at_most_one(base.rivals[0]) * (1 - own),
    "any rival": any_rival,
    "own negative": lambda base, own, length: at_most_one(base.opposed),
}
READ: dict[str, Callable[..., GridMaps]] = {
    "share": lambda share, own, kept: share,
    "share x map": lambda share, own, kept: share * own,
    "share squared": lambda share, own, kept: share.square(),
    "share x root of map": lambda share, own, kept: share * own.sqrt(),
    "root of share x map": lambda share, own, kept: (share * own).sqrt(),
    "less background": less_background,
    "energy": lambda share, own, kept: kept,
    "jaeger": jaeger,
}
SPATIAL = {"first reconstruction": 1.0, "first reconstruction without NOT": 0.0}


def bases_of(
    activations: Grid, gradients: Grid, rivals: list[Grid], attention: GridMaps | None
) -> dict[str, Base]:
    """Return the maps of Grad-CAM, Layer-CAM and, where given, raw attention (equal for all classes)."""

    def base_by(cam: Callable[[Grid], GridMaps], own: GridMaps | None = None) -> Base:
        mine = cam(gradients) if own is None else own
        return Base(mine, cam(-gradients), tuple(cam(rival) for rival in rivals))

    def grad_cam(slopes: Grid) -> GridMaps:
        return weighted_sum(slopes.mean((2, 3)), activations).relu()

    def layer_cam(slopes: Grid) -> GridMaps:
        return weighted_sum(slopes.relu(), activations).relu()

    bases = {"grad-cam": base_by(grad_cam), "layer-cam": base_by(layer_cam)}
    if attention is not None:
        bases["raw-attention"] = base_by(layer_cam, attention)
    return bases
