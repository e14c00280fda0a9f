"""Objects cut out with exact masks, pasted on real textures: one an image, or four as a mosaic.

The cut-outs that travel with xaibench are those whose recorded origin is the public domain: two
photographs and, for want of more of them, drawings that ImageNet networks recognise; see
`cutouts_png/PROVENANCE.csv`. `cutouts:FOLDER` reads a folder of others: that of Tux Paint's stamps,
with about a hundred photographs of ImageNet classes, or any with a `classes.csv`. The textures are
scikit-image's grass, gravel and brick (CC0).

A mosaic is a grid pointing game: four objects of four classes, each asked about in turn.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import Example
from xaibench_datasets.photos import SKIMAGE, installed

SIDE = 224
TEXTURES = ("grass.png", "gravel.png", "brick.png")
SINGLES_PER_MOSAIC = 8
PLACEMENTS = 2  # of each cut-out, alone on an image
LONGER_SIDE = (0.5, 0.8)  # of a single cut-out, as a share of the image's side
MOSAIC_SIDE = 0.42
EMBEDDED = Path(str(files("xaibench_datasets"))) / "cutouts_png"

Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Cutout:
    """A PNG whose alpha is the exact mask of an object, and the ImageNet class of that object."""

    file: Path
    target: int
    label: str


@dataclass(frozen=True)
class Placed:
    """Where a cut-out goes: its longer side and its centre in pixels, mirrored or not."""

    cutout: Cutout
    longer_side: float
    centre: tuple[float, float]
    mirrored: bool = False


Places = Callable[[], tuple[Placed, ...]]


def cutouts(root: Path | None = None, seed: int = 0) -> list[Example]:
    """Every cut-out alone, twice, and mosaics of four between them: nine images out of twelve examples.

    Nothing is read or drawn before it is opened. An image depends on the seed and its cut-outs alone.

    Args:
        root: a folder of cut-outs; those that travel with xaibench where not given.
        seed: of places, sizes, textures and of who meets whom in a mosaic.

    Raises:
        DataError: the folder has no table that says what its cut-outs show.
    """
    stamps = read_folder(root) if root else read_table(EMBEDDED / "PROVENANCE.csv", EMBEDDED)
    singles = [
        single(cutout, turn, seed) for turn in range(PLACEMENTS) for cutout in shuffled(stamps, seed)
    ]
    mosaics = iter(mosaics_of(stamps, seed))
    starts = range(0, len(singles), SINGLES_PER_MOSAIC)
    parts = [[*singles[start : start + SINGLES_PER_MOSAIC], *next(mosaics, [])] for start in starts]
    return list(chain.from_iterable(parts))


def single(cutout: Cutout, turn: int, seed: int) -> Example:
    """A cut-out at a random place, wholly inside."""
    name = f"{cutout.file.stem}-{turn}"
    return example(name, cutout, partial(alone, name, cutout, seed), 0, seed)


def alone(name: str, cutout: Cutout, seed: int) -> tuple[Placed, ...]:
    """Where a cut-out goes that is alone on an image; its file is read for its proportions."""
    draw = Random(f"{seed} {name}")
    longer = SIDE * draw.uniform(*LONGER_SIDE)
    width, height = (longer * side for side in relative_size(cutout.file))
    x, y = (draw.uniform(half, SIDE - half) for half in (width / 2, height / 2))
    return (Placed(cutout, longer, (x, y), draw.random() < 0.5),)


def mosaics_of(stamps: Sequence[Cutout], seed: int) -> list[list[Example]]:
    """As many mosaics as can be made of each cut-out once, their four classes all different."""
    one_a_class = list({cutout.target: cutout for cutout in stamps}.values())
    waiting = iter(shuffled(one_a_class, seed + 1))
    mosaics = []
    while len(four := list(islice(waiting, 4))) == 4:
        centres = [(SIDE * (0.25 + 0.5 * x), SIDE * (0.25 + 0.5 * y)) for y in (0, 1) for x in (0, 1)]
        placed = tuple(
            Placed(cutout, SIDE * MOSAIC_SIDE, centre)
            for cutout, centre in zip(four, centres, strict=True)
        )
        name = "mosaic-" + "-".join(cutout.file.stem for cutout in four)
        where = partial(tuple[Placed, ...], placed)
        mosaics.append([example(name, four[quadrant], where, quadrant, seed) for quadrant in range(4)])
    return mosaics


def example(name: str, cutout: Cutout, where: Places, quadrant: int, seed: int) -> Example:
    """The image of some cut-outs placed by `where`, asked about one of them."""
    return Example(
        id=name,
        image=partial(_picture, name, where, seed),
        target=cutout.target,
        label=cutout.label,
        mask=partial(_mask, name, where, seed, quadrant),
    )


def shuffled(stamps: Sequence[Cutout], seed: int) -> list[Cutout]:
    """In an order that depends on the seed alone."""
    return Random(seed).sample(list(stamps), len(stamps))


def _picture(name: str, where: Places, seed: int) -> Image.Image:
    return compose(name, where(), seed)[0]


def _mask(name: str, where: Places, seed: int, quadrant: int) -> Mask:
    return compose(name, where(), seed)[1][quadrant].copy()  # what is composed is kept for others


@lru_cache(maxsize=16)
def compose(name: str, placed: tuple[Placed, ...], seed: int) -> tuple[Image.Image, tuple[Mask, ...]]:
    """A texture with cut-outs on it, SIDE x SIDE, and the mask of each."""
    picture = texture(Random(f"{seed} {name} texture"))
    masks = tuple(paste(picture, one) for one in placed)
    return picture, masks


def paste(picture: Image.Image, placed: Placed) -> Mask:
    """Paste one cut-out, and return where it is more than half opaque."""
    cutout = load(placed.cutout.file)
    scale = placed.longer_side / max(cutout.size)
    size = tuple(max(1, round(side * scale)) for side in cutout.size)
    scaled = cutout.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    if placed.mirrored:
        scaled = scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    corner = (round(placed.centre[0] - size[0] / 2), round(placed.centre[1] - size[1] / 2))
    picture.paste(scaled, corner, scaled)
    alpha = Image.new("L", picture.size)
    alpha.paste(scaled.getchannel("A"), corner)
    mask: Mask = np.asarray(alpha) > 127
    return mask


def relative_size(file: Path) -> tuple[float, float]:
    """Width and height of a cut-out as shares of its longer side."""
    width, height = load(file).size
    return width / max(width, height), height / max(width, height)


@lru_cache(maxsize=128)
def load(file: Path) -> Image.Image:
    """A cut-out in RGBA, its transparent margin cut away.

    Raises:
        DataError: the file cannot be read, or has no opaque part.
    """
    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGBA")
    except (OSError, ValueError) as error:
        raise DataError(f"cut-out {file} cannot be read: {error}") from error
    inside = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 127)).getbbox()
    if inside is None:
        raise DataError(f"cut-out {file} has no opaque part; its alpha must be the object's mask")
    return picture.crop(inside)


def texture(draw: Random) -> Image.Image:
    """A random part of a real texture, low in contrast, slightly tinted, SIDE x SIDE."""
    with Image.open(installed(SKIMAGE, draw.choice(TEXTURES))) as opened:
        grey = opened.convert("L")
    side = draw.randint(SIDE, min(grey.size))
    left, top = (draw.randint(0, length - side) for length in grey.size)
    part = grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    tint = [draw.uniform(0.75, 1) for _ in range(3)]
    shade = 0.35 + 0.5 * np.asarray(part, dtype=np.float64)[..., None] / 255
    return Image.fromarray((255 * shade * tint).clip(0, 255).astype(np.uint8))


def read_folder(root: Path) -> list[Cutout]:
    """The cut-outs of a folder that says what they show.

    Raises:
        DataError: it does not, or shows none of what it says.
    """
    own = root / "classes.csv"
    if own.is_file():
        return read_table(own, root)
    if (root / "animals").is_dir() and (root / "household").is_dir():  # Tux Paint's stamps
        table = Path(str(files("xaibench_datasets"))) / "tuxpaint_stamps.csv"
        return read_table(table, root, some_missing=True)
    raise DataError(
        f"{root} has neither a classes.csv (columns: file, classes; classes are ImageNet indices, the "
        "first is asked about) nor the folders of Tux Paint's stamps"
    )


def read_table(table: Path, root: Path, some_missing: bool = False) -> list[Cutout]:
    """The cut-outs that a table names, in `root`.

    Args:
        table: CSV with the columns file, classes and, if it likes, label.
        root: the folder that the files are in; none may lie outside.
        some_missing: leave out files that are not there, rather than complain.

    Raises:
        DataError: names the row, the file, and what is wrong with it.
    """
    with table.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    stamps = []
    for number, row in enumerate(rows, start=2):
        where = f"{table}, line {number}"
        try:
            file, target = root / row["file"], int(row["classes"].split()[0])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{where}: expected a file and ImageNet indices, found {row}") from error
        if not file.resolve().is_relative_to(root.resolve()):
            raise DataError(f"{where}: {row['file']!r} lies outside of {root}")
        if not file.is_file():
            if some_missing:
                continue
            raise DataError(f"{where}: there is no {file}")
        stamps.append(Cutout(file, target, row.get("label") or f"class {target}"))
    if not stamps:
        raise DataError(f"{root} holds none of the cut-outs that {table.name} names")
    return stamps
