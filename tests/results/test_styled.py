"""What a notebook shows of results."""

import base64
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import tables
from PIL import Image

from xaibench.results.results import Results
from xaibench.results.styled import BEST, LARGEST, TIED

ATTACK = '<script>alert("x")</script>'
rng = np.random.default_rng(0)


class Page(HTMLParser):
    """Tags with their attributes, the text, and the style of each element by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.css = "", ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "style" and "{" in data:
            self.css += data
        else:
            self.text += data


def page(results: Results) -> Page:
    found = Page()
    found.feed(results._repr_html_())
    return found


@pytest.fixture
def folder(tmp_path):
    good = 0.9 + 0.01 * rng.standard_normal((40, 2))
    poor = 0.2 + 0.01 * rng.standard_normal((40, 1))
    scores = np.hstack([good, poor, np.full((40, 1), np.nan)])
    names = ["one", "other", ATTACK, "never"]
    return tables.folder(tmp_path / "r", tables.rows(scores, names, reason=f"because {ATTACK}"))


def test_it_shows_values_with_intervals_best_first_and_says_who_ties(folder):
    results = Results.load(folder)
    found = page(results)
    (board,) = results.boards()
    for line in board.lines[:3]:
        value = line.values["x@1"]
        assert f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]" in found.text
    assert found.text.index("one") < found.text.index(ATTACK)
    assert " ".join(board.sentences) in found.text
    assert "40 images" in found.text
    assert "Unfinished" in found.text


def test_nothing_in_a_name_or_a_reason_is_html(folder):
    found = page(Results.load(folder))
    assert "script" not in {tag for tag, _ in found.tags}
    assert ATTACK in found.text  # as text
    assert f"because {ATTACK} (40 rows)" in found.text


def test_the_best_is_bold_and_its_tie_underlined(folder):
    results = Results.load(folder)
    styler = results.styled()
    css = styler._compute().ctx
    cells = {
        key: [f"{name}: {value}" for name, value in styles] for key, styles in css.items() if styles
    }
    (board,) = results.boards()
    expected = {}
    for row, line in enumerate(board.lines):
        value = line.values["x@1"]
        if value.best or value.tied:
            expected[row, 0] = [BEST if value.best else TIED]
    assert cells == expected
    assert len(expected) == 2


def test_boards_with_other_metrics_leave_cells_empty(tmp_path):
    up = tables.rows([[0.5, 0.25], [0.75, 0.5]])
    other = [replace(row, dataset="f", metric="y", cell=f"{row.cell}-f") for row in up]
    frame = Results.load(tables.folder(tmp_path / "r", up, other)).styled().data
    assert list(frame.columns) == ["x@1 ↑", "y@1 ↑", "rank", "tie", "mean rank", "ms"]
    assert frame.loc[("m", "d", "e0"), "y@1 ↑"] == frame.loc[("m", "f", "e0"), "x@1 ↑"] == "-"


def test_the_gallery_is_part_of_it_where_it_is_there(folder):
    assert "img" not in {tag for tag, _ in page(Results.load(folder)).tags}
    Image.new("RGB", (9, 5), "red").save(folder / "gallery.png")
    (shown,) = [facts["src"] for tag, facts in page(Results.load(folder)).tags if tag == "img"]
    kind, _, data = shown.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == (folder / "gallery.png").read_bytes()
    (folder / "gallery.png").write_bytes(b"x" * (LARGEST + 1))
    large = page(Results.load(folder))
    assert "img" not in {tag for tag, _ in large.tags}
    assert str(folder / "gallery.png") in large.text


def test_the_same_results_have_the_same_html(folder):
    assert Results.load(folder)._repr_html_() == Results.load(folder)._repr_html_()
