from pathlib import Path

import pytest
from PIL import Image

from xaibench.api.errors import ConfigError
from xaibench.report.contact_sheet import (
    CELL,
    GAP,
    LINE,
    LONGEST,
    SheetPicture,
    draw_contact_sheet,
    short,
)

BOX = (0, 229, 255)


def sheet_of(path: Path, cells: list[SheetPicture]) -> Image.Image:
    draw_contact_sheet(path, cells)
    with Image.open(path) as picture:
        return picture.convert("RGB")


def cell(size=(CELL, CELL), boxes=(), name="a") -> SheetPicture:
    return SheetPicture(Image.new("RGB", size, "red"), boxes, ("dog", name))


def test_a_box_is_drawn_on_its_first_and_last_pixel_and_not_beyond(tmp_path):
    sheet = sheet_of(tmp_path / "new" / "x.png", [cell(boxes=((10, 20, 50, 60),))])
    red = (255, 0, 0)
    for x, y, colour in [(10, 20, BOX), (49, 59, BOX), (9, 20, red), (50, 59, red), (30, 40, red)]:
        assert sheet.getpixel((GAP + x, GAP + y)) == colour


def test_a_picture_twice_as_large_has_its_box_at_half(tmp_path):
    sheet = sheet_of(tmp_path / "x.png", [cell((2 * CELL, 2 * CELL), ((20, 40, 100, 120),))])
    assert sheet.getpixel((GAP + 10, GAP + 20)) == sheet.getpixel((GAP + 49, GAP + 59)) == BOX


def test_there_are_rows_of_eight(tmp_path):
    sheet = sheet_of(tmp_path / "x.png", [cell()] * 9)
    assert sheet.size == (8 * (CELL + GAP) + GAP, 2 * (CELL + 2 * LINE + GAP) + GAP)
    below = GAP + CELL + 2 * LINE + GAP + CELL // 2
    assert sheet.getpixel((GAP + CELL // 2, below)) == (255, 0, 0)
    assert sheet.getpixel((GAP + CELL + GAP + CELL // 2, below)) == (255, 255, 255)


def test_any_name_can_be_written(tmp_path):
    for name in ("$x_$ {", "猫\u202eabc\x1b[31m\n\0", "é" * 90, ""):
        sheet_of(tmp_path / "x.png", [cell(name=name)])


def test_names_are_short_and_on_one_line():
    assert short("a" * LONGEST) == "a" * LONGEST
    assert short("a" * 99) == "a" * (LONGEST - 3) + "..."
    assert short("a\nb\x1b") == "a?b?"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_contact_sheet(tmp_path / "file" / "x.png", [cell()])
