"""Reading what others wrote: paths that stay in their folder, and JSON, XML and CSV that can do no harm.

What is wrong is named by file and record. A record that spoils one image becomes an example that
cannot be opened, so that the run has a row that says why, and goes on.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from io import StringIO
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn, TypeVar
from xml.etree import ElementTree

import msgspec
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED, Box, Example

Read = TypeVar("Read")

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif", ".jp2")
)
MOST_DIGITS = 9
MOST_XML = 1 << 20  # bytes; the official files have a few thousand


def inside(root: Path, name: str, where: str) -> Path:
    r"""`name`, a path found in an annotation, below `root`.

    Args:
        root: the folder that it is relative to.
        name: as it was found, with / or with \.
        where: file and record that say so.

    Raises:
        DataError: it is absolute, climbs with "..", is too long, or a link leads out of `root`.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    absolute = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
    if not parts or absolute or ".." in parts or "\0" in name:
        raise DataError(f"{where}: {name!r} is no path inside of {root}")
    path = root.joinpath(*parts)
    try:
        if really_inside(path, root):
            return path
    except (OSError, RuntimeError) as error:  # a name too long, links in a circle
        raise DataError(f"{where}: {name!r} cannot be a path: {error}") from error
    raise DataError(f"{where}: {name!r} is a link that leads out of {root}")


def is_there(path: Path) -> bool:
    """Whether it is a file; its name may be one that no file can have."""
    try:
        return path.is_file()
    except OSError:
        return False


def really_inside(path: Path, root: Path) -> bool:
    """Whether a path below `root` stays there once links are followed; the folders' are remembered."""
    true = path.resolve() if path.is_symlink() else _resolved(path.parent)
    return true.is_relative_to(_resolved(root))


@cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def pictures_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The picture files that a pattern finds in `folder`, by name, but hidden ones and links out."""
    pictures = [path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES]
    return sorted(
        path for path in pictures if not path.name.startswith(".") and really_inside(path, folder)
    )


def first_folder(root: Path, names: Iterable[str], holds: Callable[[Path], bool]) -> Path | None:
    """The first of some folders below `root` that holds what is looked for."""
    folders = (root / name for name in names)
    return next((folder for folder in folders if folder.is_dir() and holds(folder)), None)


def ids_of(files: Sequence[str]) -> list[str]:
    """Names of images by their paths: without the suffix, unless two would then be called the same.

    Raises:
        DataError: two paths are the same.
    """
    whole = [readable(PurePosixPath(file.replace("\\", "/")).as_posix()) for file in files]
    short = [str(PurePosixPath(name).with_suffix("")) for name in whole]
    if len(set(short)) == len(short):
        return short
    twice = [name for name, times in Counter(whole).items() if times > 1]
    if twice:
        raise DataError(f"image {twice[0]!r} is there twice; an image needs a name of its own")
    return whole


def readable(name: str) -> str:
    """A file's name as text that can be printed, also where its bytes are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def unusable(name: str, error: Exception | str, target: int = UNLABELLED) -> Example:
    """An image that cannot be worked on: its row says why."""
    return Example(name, partial(_refuse, readable(str(error))), target)


def _refuse(reason: str) -> Image.Image:
    raise DataError(reason)


def box_of(edges: Iterable[object], where: str) -> Box:
    """Four finite numbers.

    Raises:
        DataError: they are not.
    """
    corners = [*edges]
    try:
        x0, y0, x1, y1 = (float(str(edge)) for edge in corners)
    except ValueError as error:
        raise DataError(f"{where}: expected a box of four numbers, found {corners}") from error
    if not all(map(isfinite, (x0, y0, x1, y1))):
        raise DataError(f"{where}: a box has four finite numbers, found {corners}")
    return (x0, y0, x1, y1)


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        refuse(path, error)


def read_text(path: Path) -> str:
    """A text file in UTF-8.

    Raises:
        DataError: it cannot be read, or is in no UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(path, error)


def read_json(path: Path, kind: type[Read]) -> Read:
    """A JSON file of the shape that `kind` says.

    Raises:
        DataError: it is none; says which record and which field.
    """
    parsed: Read = parse_json(read_bytes(path), kind, str(path))
    return parsed


def parse_json(content: bytes | msgspec.Raw, kind: Any, where: str) -> Any:
    """JSON of the shape that `kind` says; raises as `read_json` does."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{where} cannot be read: {error}") from error


def number_in(written: str) -> int | None:
    """The number that is written in at most nine digits; None where anything else is.

    Python converts no number of thousands of digits, and nothing in a data set has so many.
    """
    return int(written) if written.isdecimal() and len(written) <= MOST_DIGITS else None


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file that declares no entities: nothing in it grows or is fetched.

    Raises:
        DataError: it cannot be read, is too long, or has a document type.
    """
    content = read_bytes(path)
    if len(content) > MOST_XML:
        raise DataError(f"{path} has {len(content)} bytes; an annotation has at most {MOST_XML}")
    try:
        text = content.decode("utf-8-sig")  # of text, expat follows no other encoding it may declare
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise DataError(f"{path} has a document type; annotations have none")
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        refuse(path, error)


def field(element: ElementTree.Element, name: str, where: str) -> str:
    """The text of an element's own child.

    Raises:
        DataError: there is none.
    """
    text = (element.findtext(name) or "").strip()
    if not text:
        raise DataError(f"{where} has no <{name}>")
    return text


def read_csv(path: Path, needs: Sequence[str]) -> list[tuple[str, Mapping[str, str]]]:
    """The rows of a CSV file, each with the words that name it in an error.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    try:
        table = csv.DictReader(StringIO(read_text(path), newline=""), strict=True, restval="")
        missing = [name for name in needs if name not in (table.fieldnames or ())]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}; found {table.fieldnames}")
        return [(f"{path}, line {table.line_num}", row) for row in table]
    except csv.Error as error:
        refuse(path, error)


def refuse(path: Path, error: Exception) -> NoReturn:
    """A file cannot be read, and why."""
    raise DataError(f"{path} cannot be read: {error}") from error
