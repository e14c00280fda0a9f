"""The data that a report section of a plugin returns. The report escapes and embeds all of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SectionPicture:
    """One picture of a report section.

    Args:
        name: the caption below the picture, such as its file's name.
        data: the path of a PNG or JPEG file, or the bytes of one.
        alt: the text that stands for the picture where it cannot be seen.
    """

    name: str
    data: Path | bytes
    alt: str


@dataclass(frozen=True)
class SectionContent:
    """The content of a report section: plain text and pictures, never markup.

    Args:
        paragraphs: the texts below the heading, in order.
        pictures: the pictures below the paragraphs, in order.
    """

    paragraphs: tuple[str, ...] = ()
    pictures: tuple[SectionPicture, ...] = ()
