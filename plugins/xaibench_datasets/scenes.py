"""Generated scenes: one shape of ten classes on a texture, among distractors, with its exact mask.

Colours, textures, places, sizes and turns do not depend on the class, and the object is painted
last, so nothing hides it: where the class is, the mask says exactly. A scene depends on its seed and
number alone, whichever others are drawn with it. Training draws from seed 1, its validation from
seed 2, the benchmark from seed 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import pi
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor

from xaibench.api import ConfigError
from xaibench.api.batch import Example, seed_of
from xaibench_datasets.shapes import CLASS_SHAPES, DISTRACTOR_SHAPES, REACH, atlas

VERSION = 1  # raised whenever a scene comes out otherwise
CLASSES = tuple(CLASS_SHAPES)
SIDE = 64
BENCHMARK, TRAINING, VALIDATION = 0, 1, 2  # seeds
DISTRACTORS = (2, 4)  # least and most in a scene
RADII = (0.14, 0.26)  # least and largest of the object, as shares of the side
UNIFORMS = 176  # numbers drawn for the choices of a scene
NONE_IN_SIGHT = -50.0  # where a distractor goes that is not there

Scenes = tuple[Tensor, Tensor, Tensor]
Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Kind:
    """What scenes are like.

    Args:
        distractors: least and most in a scene, at most four.
        radii: least and largest of the object, as shares of the side.
    """

    distractors: tuple[int, int] = DISTRACTORS
    radii: tuple[float, float] = RADII


DEFAULT = Kind()


def scenes(
    root: Path | None = None,
    count: int = 1000,
    seed: int = BENCHMARK,
    fewest: int = DISTRACTORS[0],
    most: int = DISTRACTORS[1],
    smallest: float = RADII[0],
    largest: float = RADII[1],
) -> list[Example]:
    """`count` scenes, each drawn when it is opened.

    Args:
        root: none; they are generated.
        count: how many.
        seed: of all of them.
        fewest: distractors in a scene.
        most: likewise, at most four.
        smallest: radius of the object, as a share of the side.
        largest: likewise.

    Raises:
        ConfigError: there are no such scenes.
    """
    if not 0 <= fewest <= most <= DISTRACTORS[1] or not 0 < smallest <= largest < 0.5:
        raise ConfigError(
            f"scenes with {fewest} to {most} distractors and objects of radius {smallest} to {largest}; "
            f"expected 0 <= fewest <= most <= {DISTRACTORS[1]} and 0 < smallest <= largest < 0.5"
        )
    kind = Kind((fewest, most), (smallest, largest))
    return [
        Example(
            id=f"scene-{seed}-{i:05}",
            image=partial(picture, i, seed, kind),
            target=target_of(i, seed),
            label=CLASSES[target_of(i, seed)],
            mask=partial(mask, i, seed, kind),
        )
        for i in range(count)
    ]


def target_of(number: int, seed: int) -> int:
    """The class of a scene."""
    return seed_of("scene", seed, number) % len(CLASSES)


def picture(number: int, seed: int, kind: Kind = DEFAULT) -> Image.Image:
    """One scene, SIDE x SIDE."""
    return Image.fromarray(_one(number, seed, kind)[0])


def mask(number: int, seed: int, kind: Kind = DEFAULT) -> Mask:
    """Where its object is, (SIDE, SIDE) of bool; the caller's own."""
    return _one(number, seed, kind)[1].copy()


@lru_cache(maxsize=64)
def _one(number: int, seed: int, kind: Kind) -> tuple[Pixels, Mask]:
    images, _, masks = draw([number], seed, kind)
    return images[0].permute(1, 2, 0).numpy(), masks[0].numpy()


def draw(numbers: Sequence[int], seed: int, kind: Kind = DEFAULT) -> Scenes:
    """Scenes by their numbers.

    Returns:
        Images (B, 3, SIDE, SIDE) of uint8, target classes (B,), masks (B, SIDE, SIDE) of bool.
    """
    generators = [torch.Generator().manual_seed(seed_of("scene", seed, n)) for n in numbers]
    uniforms = Uniforms(torch.stack([torch.rand(UNIFORMS, generator=g) for g in generators]))
    images = textures(uniforms, generators)
    background = images.mean((2, 3))
    present = uniforms.integers(*kind.distractors)
    for place in range(DISTRACTORS[1]):
        kinds = len(CLASSES) + uniforms.integers(0, len(DISTRACTOR_SHAPES) - 1)
        radius, x, y = placed(uniforms, 0.09, 0.18)
        x = torch.where(place < present, x, NONE_IN_SIGHT)
        paint(images, kinds, (x, y), radius, uniforms.between(0, 2 * pi), background, uniforms)
    targets = torch.tensor([target_of(n, seed) for n in numbers])
    radius, x, y = placed(uniforms, *kind.radii)
    masks = paint(images, targets, (x, y), radius, uniforms.between(-0.6, 0.6), background, uniforms)
    return (images.clamp(0, 1) * 255).to(torch.uint8), targets, masks


class Uniforms:
    """Numbers in [0, 1), (B, n), handed out column by column: a row is one scene's own."""

    def __init__(self, numbers: Tensor) -> None:
        self.numbers = numbers
        self.used = 0

    def take(self, count: int) -> Tensor:
        """The next `count` numbers of each scene, (B, count)."""
        self.used += count
        taken = self.numbers[:, self.used - count : self.used]
        assert taken.shape[1] == count, "UNIFORMS is too small"
        return taken

    def between(self, low: float, high: float) -> Tensor:
        """One number of each scene in [low, high), (B,)."""
        return low + (high - low) * self.take(1)[:, 0]

    def integers(self, low: int, high: int) -> Tensor:
        """One whole number of each scene, from `low` to `high`, both included, (B,)."""
        return self.between(low, high + 1).long().clamp(max=high)


def textures(uniforms: Uniforms, generators: Sequence[torch.Generator]) -> Tensor:
    """(B, 3, SIDE, SIDE): a grating, coarse or fine noise between two colours, a little grain on top."""
    first, second = uniforms.take(3)[..., None, None], uniforms.take(3)[..., None, None]
    line = torch.linspace(0, 1, SIDE)
    turn, waves, phase = (
        uniforms.between(*ends)[:, None, None] for ends in ((0, pi), (3, 12), (0, 2 * pi))
    )
    across = line * turn.cos() + line[:, None] * turn.sin()
    grating = 0.5 + 0.5 * torch.sin(2 * pi * waves * across + phase)
    coarse = noise(generators, 5, "bicubic").clamp(0, 1)
    fine = noise(generators, 16, "bilinear")
    kind = uniforms.integers(0, 2)[:, None, None]
    pattern = torch.where(kind == 0, grating, torch.where(kind == 1, coarse, fine))[:, None]
    strength = uniforms.between(0.3, 0.7)[:, None, None, None] * pattern
    grain = torch.stack([torch.randn(3, SIDE, SIDE, generator=g) for g in generators])
    return (first * (1 - strength) + second * strength + 0.04 * grain).clamp(0, 1)


def noise(generators: Sequence[torch.Generator], cells: int, mode: str) -> Tensor:
    """(B, SIDE, SIDE) of uniform noise, `cells` across, made smooth."""
    lattice = torch.stack([torch.rand(1, cells, cells, generator=g) for g in generators])
    return F.interpolate(lattice, (SIDE, SIDE), mode=mode, align_corners=True)[:, 0]


def placed(uniforms: Uniforms, least: float, most: float) -> tuple[Tensor, Tensor, Tensor]:
    """Radius, x and y in pixels, the disc of that radius wholly inside; shares of the side."""
    radius = SIDE * uniforms.between(least, most)
    x, y = (radius + share * (SIDE - 2 * radius) for share in uniforms.take(2).T)
    return radius, x, y


def paint(
    images: Tensor,
    shapes: Tensor,
    centre: tuple[Tensor, Tensor],
    radius: Tensor,
    turn: Tensor,
    background: Tensor,
    uniforms: Uniforms,
) -> Tensor:
    """Paint one shape into each image, in place, and return where it is, (B, SIDE, SIDE) of bool."""
    line = torch.arange(SIDE) + 0.5
    dx = (line - centre[0][:, None, None]) / radius[:, None, None]
    dy = (line[:, None] - centre[1][:, None, None]) / radius[:, None, None]
    cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
    x, y = cos * dx + sin * dy, cos * dy - sin * dx
    positions = torch.stack([x, y], -1) / REACH
    distance = F.grid_sample(atlas()[shapes], positions, align_corners=False, padding_mode="border")[
        :, 0
    ]
    outside = torch.maximum(x.abs(), y.abs()) > REACH - 0.1
    pixels = torch.where(outside, 1.0, distance) * radius[:, None, None]
    cover = (0.5 - pixels).clamp(0, 1)[:, None]
    light = 0.5 * (0.5 + 0.35 * (dx + dy)).clamp(0, 1)[:, None]
    colour, other = contrasting(background, uniforms), uniforms.take(3)
    fill = colour[..., None, None] * (1 - light) + other[..., None, None] * light
    images.mul_(1 - cover).add_(fill * cover)
    return pixels < 0


def contrasting(background: Tensor, uniforms: Uniforms) -> Tensor:
    """(B, 3): the first of eight random colours 0.45 away from the background, or else the first."""
    offered = uniforms.take(24).unflatten(1, (8, 3))
    far = (offered - background[:, None]).square().sum(-1) > 0.2
    first: Tensor = offered[torch.arange(len(offered)), far.int().argmax(1)]
    return first
