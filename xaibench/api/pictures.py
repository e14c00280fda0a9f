"""Files to pictures: whatever real collections hold, as upright RGB of 8 bits."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from xaibench.api.errors import DataError

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels; x1 and y1 are outside
Size = tuple[int, int]  # width, height
Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]

# Pillow knows many more, of which one starts a PostScript interpreter.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000")
ORIENTATION = 0x0112
# From the picture as stored to upright: whether its axes are swapped, then x mirrored, then y.
TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True)
class Opened:
    """A picture, and how it was turned to be upright.

    Args:
        picture: in RGB, upright.
        orientation: what EXIF says of the picture as stored, 1 to 8; 1: it was upright.
    """

    picture: Image.Image
    orientation: int = 1

    @property
    def size(self) -> Size:
        """(width, height), upright."""
        return self.picture.size

    @property
    def stored(self) -> Size:
        """(width, height) as stored, before it was turned."""
        return turned_size(self.size, self.orientation)


@dataclass(frozen=True)
class Measured:
    """What a file says of its picture before any pixel of it is decoded.

    Args:
        stored: (width, height) as stored.
        orientation: what EXIF says of it; as in `Opened`.
    """

    stored: Size
    orientation: int = 1

    @property
    def size(self) -> Size:
        """(width, height), upright."""
        return turned_size(self.stored, self.orientation)


def measure_picture(file: "Path | BytesIO") -> Measured:
    """A picture's size and orientation, from what its file has before the pixels.

    Raises:
        Exception: one of Pillow's dozen kinds; the file is missing, or no image.
    """
    with Image.open(file) as picture:
        exif = Image.Image.getexif(picture)  # PNG's own decodes the pixels, to look behind them
        return Measured(picture.size, _orientation(exif))


def _orientation(exif: Image.Exif) -> int:
    """What EXIF says, 1 where that is none of the eight."""
    orientation: int = exif.get(ORIENTATION, 1)
    return orientation if orientation in TURNS else 1


def open_picture(file: "Path | BytesIO") -> Opened:
    """A picture in a file, upright, in RGB.

    Raises:
        DataError: a format that photographs do not come in, or a colour mode without a defined white.
        Exception: one of Pillow's dozen kinds; the file is missing, truncated or no image.
    """
    with Image.open(file) as picture:
        if picture.format not in FORMATS:
            raise DataError(f"{picture.format} is none of the formats read: {', '.join(FORMATS)}")
        turn = _orientation(picture.getexif())
        return Opened(rgb(ImageOps.exif_transpose(picture)), turn)


def rgb(picture: Image.Image) -> Image.Image:
    """RGB of 8 bits: 16 bits scaled, not clipped, and what is transparent shown on white.

    Raises:
        DataError: pixels of more than 16 bits, or floats, of which nobody knows which is white.
    """
    if picture.mode.startswith("I"):
        picture = eight_bits(picture)
    if picture.mode == "F":
        raise DataError("its pixels are floats without a defined white; expected 8 or 16 bits")
    if picture.has_transparency_data:
        on_white = Image.new("RGBA", picture.size, "white")
        on_white.alpha_composite(picture.convert("RGBA"))
        picture = on_white
    return picture.convert("RGB")


def eight_bits(picture: Image.Image) -> Image.Image:
    """A grey picture of 16 bits in 8; Pillow's own conversion clips all above 255 to white."""
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"its pixels go from {values.min()} to {values.max()}; expected 16 bits, 0 to 65535"
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def turned_size(size: Size, orientation: int) -> Size:
    """(width, height) of a picture as stored when it is upright, or the other way round."""
    return size[::-1] if TURNS[orientation][0] else size


def turned_mask(mask: Mask, orientation: int) -> Mask:
    """A mask drawn on the picture as stored, turned with it."""
    swapped, mirror_x, mirror_y = TURNS[orientation]
    upright = mask.T if swapped else mask
    return upright[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]


def turned_box(box: Box, orientation: int, stored: Size) -> Box:
    """A box drawn on the picture as stored, (width, height), turned with it."""
    swapped, mirror_x, mirror_y = TURNS[orientation]
    x0, y0, x1, y1 = box
    width, height = stored
    if swapped:
        x0, y0, x1, y1, width, height = y0, x0, y1, x1, height, width
    if mirror_x:
        x0, x1 = width - x1, width - x0
    if mirror_y:
        y0, y1 = height - y1, height - y0
    return (x0, y0, x1, y1)
