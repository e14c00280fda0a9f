"""Sections of the report that plugins offer, and the data they return, which the report escapes."""

from dataclasses import dataclass
from pathlib import Path

from xaibench.api.specs import Spec, refuse_unless_word


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


@dataclass(frozen=True, kw_only=True)
class ReportSection(Spec):
    """A function from a results folder to a `SectionContent`, or None where it has none.

    The section stands in the report behind the gallery, and `name` in the link to it. Where the function
    raises, the section says so and the rest of the report is written.

    Args:
        title: the heading; `name` where not given.
    """

    title: str = ""

    def __post_init__(self) -> None:
        refuse_unless_word("report section", self.name, self.name)
