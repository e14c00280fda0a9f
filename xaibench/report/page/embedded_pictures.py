"""Pictures made small enough to travel inside the page."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from xaibench.api.errors import DataError
from xaibench.api.reporting import SectionPicture
from xaibench.report.page.small_maps import text

FORMATS = ("PNG", "JPEG")
WIDEST, QUALITY = 1600, 82  # pixels; of the JPEG


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture as a data URL, with its size in pixels and the text that stands for it."""

    name: str
    url: str
    width: int
    height: int
    alt: str


def embedded(picture: SectionPicture) -> EmbeddedPicture:
    """Return a picture as JPEG, at most `WIDEST` pixels wide, transparent parts white.

    Raises:
        DataError: its data are neither a PNG nor a JPEG.
    """
    data = picture.data
    try:
        with Image.open(BytesIO(data) if isinstance(data, bytes) else data, formats=FORMATS) as opened:
            layers = opened.convert("RGBA")
    except (OSError, UnidentifiedImageError) as error:
        name = picture.name if isinstance(data, bytes) else data
        raise DataError(f"{name} is no picture that can be read: {error}; delete it") from error
    opaque = Image.new("RGB", layers.size, "white")
    opaque.paste(layers, mask=layers.getchannel("A"))
    opaque.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
    with BytesIO() as file:
        opaque.save(file, "JPEG", quality=QUALITY, optimize=True)
        url = f"data:image/jpeg;base64,{text(file.getvalue())}"
    return EmbeddedPicture(picture.name, url, *opaque.size, picture.alt)
