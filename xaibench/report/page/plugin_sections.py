"""Sections of the report that plugins offer: their data, checked and made ready for the template."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xaibench.api.reporting import ReportSection, SectionContent
from xaibench.report.page.embedded_pictures import EmbeddedPicture, embedded

ANCHOR = "section-"
TAKEN = {  # the ids that the page has without plugins
    *("agreement", "cards", "closer", "cost", "cost-choice", "curves", "facts", "filters", "gallery"),
    *("gallery-controls", "gallery-status", "leaderboard", "main", "more", "page-size", "problems"),
    *("provenance", "summary", "theme"),
}


@dataclass(frozen=True)
class DrawnSection:
    """A section as the template takes it.

    Args:
        anchor: the id of the section.
        title: the heading.
        paragraphs: texts, escaped by the template.
        pictures: pictures that travel inside the page.
        failure: why the section could not be made; "" where it was.
    """

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    pictures: tuple[EmbeddedPicture, ...] = ()
    failure: str = ""


def drawn_sections(sections: Iterable[ReportSection], folder: Path) -> list[DrawnSection]:
    """Return the sections that have content for a results folder, and a note for each that failed."""
    drawn = (drawn_section(section, folder) for section in sections)
    return [section for section in drawn if section is not None]


def drawn_section(section: ReportSection, folder: Path) -> DrawnSection | None:
    """Return one section; None where it has no content for this folder."""
    title = section.title or section.name
    anchor = f"{ANCHOR}{section.name}" if section.name in TAKEN else section.name
    try:
        content = section.load()(folder)
        if content is None:
            return None
        if not isinstance(content, SectionContent):
            raise TypeError(f"it returned {type(content).__name__}; expected SectionContent or None")
        paragraphs = tuple(map(str, content.paragraphs))
        pictures = tuple(map(embedded, content.pictures))
    except Exception as error:  # whatever a plugin raises, the rest of the report is written
        reason = f"{type(error).__name__}: {error}"
        failure = f"This section could not be made by its plugin ({section.at}). {reason}"
        return DrawnSection(anchor, title, failure=failure)
    if not (paragraphs or pictures):
        return None
    return DrawnSection(anchor, title, paragraphs, pictures)
