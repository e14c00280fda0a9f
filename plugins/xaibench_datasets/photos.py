"""Six real photographs with boxes, out of packages that xaibench depends on anyway.

| id         | origin                                | licence             | class        |
| ---------- | ------------------------------------- | ------------------- | ------------ |
| chelsea    | scikit-image, by Stefan van der Walt  | CC0                 | Egyptian cat |
| coffee     | scikit-image, by Rachel Michetti      | CC0                 | espresso     |
| camera     | scikit-image, by Lav Varshney         | CC0                 | tripod       |
| motorcycle | scikit-image, Middlebury stereo 2014  | as scikit-image has | moped        |
| rocket     | scikit-image, by SpaceX               | public domain       | missile      |
| china      | scikit-learn, by danielbuechele       | CC BY 2.0           | palace       |

Boxes were set by eye; the motorcycle's mask is computed from the measured disparity that comes with
its photograph. The rocket is small and hard to name: a case where explainers may fail.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from xaibench.api import DataError
from xaibench.api.batch import Box, Example

Array = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]

SKIMAGE, SKLEARN = ("scikit-image", "skimage", "data"), ("scikit-learn", "sklearn", "datasets/images")
WALL = 40.0  # disparity of what stands behind the motorcycle, at most
PHOTOS: dict[str, tuple[tuple[str, str, str], str, int, str, Box]] = {
    "chelsea": (SKIMAGE, "chelsea.png", 285, "Egyptian cat", (0, 0, 398, 300)),
    "coffee": (SKIMAGE, "coffee.png", 967, "espresso", (172, 17, 409, 307)),
    "camera": (SKIMAGE, "camera.png", 872, "tripod", (230, 186, 406, 512)),
    "motorcycle": (SKIMAGE, "motorcycle_left.png", 665, "moped", (92, 14, 685, 453)),
    "rocket": (SKIMAGE, "rocket.jpg", 657, "missile", (309, 126, 336, 408)),
    "china": (SKLEARN, "china.jpg", 698, "palace", (62, 29, 372, 402)),
}


def photos(root: Path | None = None) -> list[Example]:
    """The six photographs.

    Args:
        root: none; they are in installed packages.

    Raises:
        DataError: a package does not hold its photograph; says which.
    """
    return [
        Example(
            id=name,
            image=installed(package, file),
            target=target,
            label=label,
            boxes=(box,),
            mask=own_motorcycle_mask if name == "motorcycle" else None,
        )
        for name, (package, file, target, label, box) in PHOTOS.items()
    ]


def installed(package: tuple[str, str, str], file: str) -> Path:
    """Where an installed package keeps a file."""
    distribution, module, folder = package
    path = Path(str(files(module))) / folder / file
    if not path.is_file():
        raise DataError(
            f"{file} is missing from {distribution}; reinstall it: pip install {distribution}"
        )
    return path


def own_motorcycle_mask() -> Mask:
    """A copy of `motorcycle_mask`, which is kept for others."""
    return motorcycle_mask().copy()


@cache
def motorcycle_mask() -> Mask:
    """Where the motorcycle stands out from floor and wall in the measured disparity, (500, 741).

    The floor's disparity is a straight line in y, fitted where nothing stands. What is nearer than the
    floor by 3 pixels, and nearer than the wall, inside the box, is the motorcycle: its largest
    connected part, small gaps closed.
    """
    with np.load(installed(SKIMAGE, "motorcycle_disp.npz")) as file:
        disparity = file["arr_0"].astype(float)
    disparity[~np.isfinite(disparity)] = np.nan
    floor = floor_line(disparity)
    smooth = median_of_known(disparity)
    nearer = (smooth - floor[:, None] > 3) & (smooth > WALL)
    x0, y0, x1, y1 = (int(edge) for edge in PHOTOS["motorcycle"][4])
    inside = np.zeros_like(nearer)
    inside[y0:y1, x0:x1] = nearer[y0:y1, x0:x1]
    parts, count = ndimage.label(ndimage.binary_closing(inside, iterations=2))
    sizes = ndimage.sum_labels(inside, parts, range(1, count + 1))
    largest: Mask = parts == 1 + int(np.argmax(sizes))
    return largest


def median_of_known(disparity: Array) -> Array:
    """(H, W): the median of the 5 x 5 disparities about each pixel, the unknown ones left out."""
    padded = torch.from_numpy(np.pad(disparity, 2, mode="symmetric"))
    around = padded.unfold(0, 5, 1).unfold(1, 5, 1).flatten(2)
    median: Array = around.nanmedian(dim=2).values.numpy()
    return median


def floor_line(disparity: Array) -> Array:
    """(H,): the floor's disparity in each row, from the columns at both sides of the lower rows."""
    rows = np.arange(300, len(disparity))
    beside = np.concatenate([disparity[300:, :90], disparity[300:, 700:]], axis=1)
    known = np.isfinite(beside).sum(1) > 30
    slope, offset = np.polyfit(rows[known], np.nanmedian(beside[known], axis=1), 1)
    line: Array = np.maximum(slope * np.arange(len(disparity)) + offset, 0)
    return line
