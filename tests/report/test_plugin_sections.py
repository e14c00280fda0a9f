"""Sections of plugins in the report: text and pictures, escaped and embedded; a broken one is a note."""

from io import BytesIO

import pytest
from PIL import Image
from reports import EVIL, parsed, ready

from xaibench.api import PluginError, ReportSection
from xaibench.api.reporting import SectionContent, SectionPicture
from xaibench.report.gallery import one_modifier_a_line
from xaibench.report.page.build import write_report
from xaibench.report.page.plugin_sections import TAKEN
from xaibench.results.results import Results


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return ready(tmp_path_factory.mktemp("r") / "run")


def png() -> bytes:
    with BytesIO() as file:
        Image.new("RGB", (30, 20)).save(file, "PNG")
        return file.getvalue()


class Given(ReportSection):
    """A section whose function is given rather than imported."""

    def load(self):
        return CONTENTS[self.at]


def raising(folder):
    raise ValueError(f"no numbers{EVIL}")


CONTENTS = {
    "texts": lambda folder: SectionContent((f"in {folder.name}{EVIL}", "second")),
    "pictures": lambda folder: SectionContent(
        pictures=(SectionPicture(f"dots{EVIL}", png(), f"30 by 20{EVIL}"),)
    ),
    "none": lambda folder: None,
    "empty": lambda folder: SectionContent(),
    "markup": lambda folder: "<b>bold</b>",
    "not a picture": lambda folder: SectionContent(pictures=(SectionPicture("dots", b"GIF89a", "x"),)),
    "raising": raising,
}


def page(path, *contents, **facts):
    sections = [Given(name=f"mine-{k}", at=at, **facts) for k, at in enumerate(contents)]
    written = write_report(Results.load(path), path / "other.html", sections=sections)
    return parsed(written.path.read_text(encoding="utf-8"))


def test_texts_and_pictures_are_escaped_and_linked(path):
    report = page(path, "texts", "pictures", title=f"Mine{EVIL}")
    first, second = (report.one("section", id=f"mine-{k}") for k in range(2))
    assert first.one("h2").text == f"Mine{EVIL}"
    assert [node.text for node in first.all("p")] == [f"in run{EVIL}", "second"]
    picture = second.one("img")
    assert picture.attributes["alt"] == f"30 by 20{EVIL}"
    assert (picture.attributes["width"], picture.attributes["height"]) == ("30", "20")
    assert picture.attributes["src"].startswith("data:image/jpeg;base64,")
    assert second.one("figcaption").text == f"dots{EVIL}"
    links = [node.attributes["href"] for node in report.one("nav").all("a")]
    assert links.index("#gallery") + 1 == links.index("#mine-0") == links.index("#problems") - 2


def test_a_section_without_content_is_left_out(path):
    report = page(path, "none", "empty")
    assert not [node for node in report.all("section") if "mine" in node.attributes["id"]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("raising", f"ValueError: no numbers{EVIL}"),
        ("markup", "TypeError: it returned str; expected SectionContent or None"),
        ("not a picture", "DataError: dots is no picture that can be read"),
    ],
)
def test_a_section_that_fails_is_a_note_and_the_rest_is_written(path, content, reason):
    report = page(path, content, "texts")
    assert reason in report.one("section", id="mine-0").one("p", class_="empty").text
    assert report.one("section", id="mine-1").one("h2").text == "mine-1"
    assert report.one("section", id="problems")


def test_one_that_cannot_be_imported_is_a_note_too(path):
    lost = ReportSection(name="lost", at="no_such_module_anywhere:lost")
    written = write_report(Results.load(path), path / "other.html", sections=[lost])
    section = parsed(written.path.read_text(encoding="utf-8")).one("section", id="lost")
    assert "report section 'lost' cannot be loaded from 'no_such_module_anywhere:lost'" in section.text


def test_no_id_of_the_page_is_taken_twice(path):
    ids = [node.attributes["id"] for node in page(path).all() if "id" in node.attributes]
    assert {name for name in ids if not name.endswith("-title")} <= TAKEN
    sections = [Given(name="gallery", at="texts")]
    written = write_report(Results.load(path), path / "other.html", sections=sections)
    report = parsed(written.path.read_text(encoding="utf-8"))
    ids = [node.attributes["id"] for node in report.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert "section-gallery" in ids


def test_a_name_that_is_no_id_is_refused():
    with pytest.raises(PluginError, match="may have lower-case letters"):
        ReportSection(name="two words", at="a:b")


def test_a_modifier_stands_on_a_line_of_its_own():
    assert one_modifier_a_line("grad-cam+++contrast-0.5") == "grad-cam++\n+contrast-0.5"
    assert one_modifier_a_line("grad-cam++") == "grad-cam++"
