"""A data set at a glance: thumbnails in rows, their boxes, and the names of their classes below."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from xaibench.api.errors import ConfigError
from xaibench.api.pictures import Box

COLUMNS = 8
CELL, GAP, LINE = 160, 8, 14  # pixels
LONGEST = 25  # characters below a picture
BOX, INK, FAINT = "#00e5ff", "black", "#606060"


@dataclass(frozen=True)
class SheetPicture:
    """One picture of the sheet.

    Args:
        picture: of any size.
        boxes: in its pixels.
        lines: below it: what it shows, and which image it is.
    """

    picture: Image.Image
    boxes: tuple[Box, ...]
    lines: tuple[str, str]


def draw_contact_sheet(path: Path, cells: Sequence[SheetPicture]) -> None:
    """Write a PNG of the sheet.

    Args:
        path: of the PNG; its folder is made.
        cells: at least one.

    Raises:
        ConfigError: the file cannot be written.
    """
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    wide, high = CELL + GAP, CELL + 2 * LINE + GAP
    sheet = Image.new("RGB", (columns * wide + GAP, rows * high + GAP), "white")
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        paste(sheet, cell, (GAP + column * wide, GAP + row * high))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, "PNG")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error


def paste(sheet: Image.Image, cell: SheetPicture, corner: tuple[int, int]) -> None:
    """Paste one picture with its boxes into the middle of its cell, and two lines of text below."""
    small = cell.picture.copy()
    small.thumbnail((CELL, CELL))
    scale = small.width / cell.picture.width, small.height / cell.picture.height
    draw = ImageDraw.Draw(small)
    for x0, y0, x1, y1 in cell.boxes:  # the last pixel is inside, the box's end is not
        left, top = round(x0 * scale[0]), round(y0 * scale[1])
        right, bottom = round(x1 * scale[0]) - 1, round(y1 * scale[1]) - 1
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=BOX, width=2)
    x, y = corner
    sheet.paste(small, (x + (CELL - small.width) // 2, y + (CELL - small.height) // 2))
    words, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (line, colour) in enumerate(zip(cell.lines, (INK, FAINT), strict=True)):
        words.text((x, y + CELL + number * LINE), short(line), fill=colour, font=font)


def short(text: str) -> str:
    """Return a line of printable characters, shortened if it is long."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 3]}..."
