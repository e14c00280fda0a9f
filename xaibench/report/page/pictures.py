"""Pictures that lie in a results folder, made small enough to travel inside the page."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from xaibench.api.errors import DataError
from xaibench.report.page.small_maps import text

NAMES = ("conceptors", "conceptors-aperture")
FOLDERS = (".", "figures")
ENDINGS = (".png", ".jpg", ".jpeg")
WIDEST, QUALITY = 1600, 82  # pixels; of the JPEG


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture as a data URL, with its size in pixels."""

    name: str
    url: str
    width: int
    height: int


def conceptor_figures(folder: Path) -> list[EmbeddedPicture]:
    """What `xaibench figure conceptors` left in the folder or in its `figures`.

    Raises:
        DataError: one of them is no picture.
    """
    embedded = []
    for name in NAMES:
        paths = (folder / place / f"{name}{ending}" for place in FOLDERS for ending in ENDINGS)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            embedded.append(inlined(path))
    return embedded


def inlined(path: Path) -> EmbeddedPicture:
    """A picture as JPEG, at most `WIDEST` pixels wide, transparent parts white."""
    try:
        with Image.open(path) as opened:
            layers = opened.convert("RGBA")
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path} is no picture that can be read: {error}; delete it") from error
    picture = Image.new("RGB", layers.size, "white")
    picture.paste(layers, mask=layers.getchannel("A"))
    picture.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
    with BytesIO() as file:
        picture.save(file, "JPEG", quality=QUALITY, optimize=True)
        return EmbeddedPicture(
            path.name, f"data:image/jpeg;base64,{text(file.getvalue())}", *picture.size
        )
