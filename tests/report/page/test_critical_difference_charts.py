"""The critical-difference diagram, read back from its marks."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import NAMES, report, scores
from tables import folder, rows

from xaibench.report.critical_difference import LEAST, Diagram
from xaibench.report.page.critical_difference_charts import draw, rankings
from xaibench.results.results import Results

# Demsar 2006, section 3.2.4: four classifiers on 14 data sets, of which Nemenyi's test tells none apart
DEMSAR = Diagram("Demsar", ("C4.5", "+m", "+cf", "+m+cf"), (3.143, 2.0, 2.893, 1.964), 1.25, 14)


def of_class(drawing, style):
    return [
        (dict(mark.attributes), mark) for mark in drawing.marks if ("class", style) in mark.attributes
    ]


def ends(attributes):
    """Of a line: from and to, in ranks as the ruler's own numbers have them."""
    return float(attributes["x1"]), float(attributes["x2"])


def ruler(drawing, count):
    """What rank a pixel stands for, by the numbers that are written above the line."""
    at = {mark.text: float(facts["x"]) for facts, mark in of_class(drawing, "tick")}
    first, last = at["1"], at[str(count)]
    return lambda x: 1 + (x - first) / (last - first) * (count - 1)


def bars(drawing):
    """From which rank to which each bar joins, without the three pixels that it stands out."""
    rank_at = ruler(drawing, len(of_class(drawing, "name")))
    each = [ends(facts) for facts, _ in of_class(drawing, "tie")]
    return [(rank_at(start + 3), rank_at(end - 3)) for start, end in each]


def leaders(drawing):
    """From where on the line to where each name's leader goes."""
    found = []
    for facts, _ in of_class(drawing, "leader"):
        points = [tuple(map(float, point.split())) for point in facts["d"].removeprefix("M").split("L")]
        found.append((points[0][0], points[-1]))
    return found


def named(drawing):
    """The rank at which each name's leader begins, by the ruler; and the rank that is written there."""
    rank_at = ruler(drawing, len(of_class(drawing, "name")))
    found = {}
    for facts, mark in of_class(drawing, "name"):
        x, y = float(facts["x"]), float(facts["y"])
        (start,) = [start for start, end in leaders(drawing) if abs(end[1] + 4 - y) < 0.2
                    and abs(end[0] - x) < 6]  # fmt: skip
        name, said = (
            mark.text.split("  ") if facts["text-anchor"] == "end" else mark.text.split("  ")[::-1]
        )
        found[name] = rank_at(start), float(said)
    return found


def diagram_of(shares, share):
    """Mean ranks at some shares of the line, and a critical difference of a share of it."""
    reach = len(shares) - 1
    names = tuple(f"e{k}" for k in range(len(shares)))
    return Diagram("t", names, tuple(1 + reach * at for at in shares), reach * share, 20)


shares = st.lists(st.floats(0, 1), min_size=2, max_size=14)


@given(shares, st.floats(0.01, 1))
def test_each_name_leads_to_its_mean_rank(found, critical):
    diagram = diagram_of(found, critical)
    assert named(draw(diagram)) == {
        name: (pytest.approx(rank, abs=0.01 * len(diagram.names)), pytest.approx(rank, abs=0.0051))
        for name, rank in zip(diagram.names, diagram.ranks, strict=True)
    }


@given(shares, st.floats(0.01, 1))
def test_a_bar_joins_two_just_where_they_differ_by_less_than_the_critical_difference(found, critical):
    diagram = diagram_of(found, critical)
    joined, little = bars(draw(diagram)), 0.02 * len(diagram.names)
    for pair in combinations(diagram.ranks, 2):
        low, high = min(pair), max(pair)
        if abs(high - low - diagram.critical) > 2 * little:
            within = [one - little <= low and high <= other + little for one, other in joined]
            assert any(within) == (high - low < diagram.critical)


def test_the_critical_difference_is_drawn_as_long_as_it_is():
    drawing = draw(DEMSAR)
    rank_at = ruler(drawing, 4)
    across = [ends(facts) for facts, _ in of_class(drawing, "critical") if facts["y1"] == facts["y2"]]
    ((low, high),) = across
    assert rank_at(high) - rank_at(low) == pytest.approx(1.25, abs=0.01)
    assert "critical difference 1.25 on 14 images" in [mark.text for mark in drawing.marks]


def test_one_bar_joins_those_whom_demsar_does_not_tell_apart():
    assert bars(draw(DEMSAR)) == [(pytest.approx(1.964, abs=0.01), pytest.approx(3.143, abs=0.01))]


def test_the_better_half_stands_to_the_left_and_no_name_covers_another():
    count = 13
    diagram = Diagram(
        "t", tuple(f"e{k}" for k in range(count)), tuple(np.linspace(1, 13, count)), 1.5, 9
    )
    drawing = draw(diagram)
    sides = {"end": [], "start": []}
    for facts, mark in of_class(drawing, "name"):
        sides[facts["text-anchor"]].append((float(facts["y"]), mark.text))
    assert [text.split()[0] for _, text in sorted(sides["end"])] == [f"e{k}" for k in range(7)]
    assert [text.split()[1] for _, text in sorted(sides["start"])] == [f"e{k}" for k in range(12, 6, -1)]
    for side in sides.values():
        heights = sorted(y for y, _ in side)
        assert min(np.diff(heights)) >= 12
        assert max(heights) < drawing.height


def test_a_long_name_is_shortened_and_said_whole_to_who_does_not_see_it():
    long = "an-explainer-of-a-name-that-nobody-would-type-twice"
    drawing = draw(Diagram("t", (long, "b"), (1.2, 1.8), 0.5, 9))
    (shown,) = [mark.text for _, mark in of_class(drawing, "name") if mark.text.startswith("an-")]
    assert "…" in shown
    assert len(shown) < len(long)
    assert f"{long} 1.20, b 1.80; critical difference 0.50 on 9 images" in drawing.label


def test_boards_without_enough_say_so(tmp_path):
    (board,) = Results.load(folder(tmp_path / "run", rows(scores(1), NAMES))).boards()
    (found,) = rankings([board])
    assert found.drawing is None
    section = report(tmp_path / "run").one("section", id="agreement")
    assert LEAST.capitalize() in section.one("figcaption").parent.text


def test_the_page_has_the_diagram_of_its_leaderboard(tmp_path):
    results = Results.load(folder(tmp_path / "run", rows(scores(), NAMES)))
    (found,) = rankings(results.boards())
    drawings = report(tmp_path / "run").all("svg")
    assert found.drawing.label in {node.attributes.get("aria-label") for node in drawings}
    assert {name: said for name, (_, said) in named(found.drawing).items()} == {
        "cam": 1.0, "other": 2.0, "random": 3.0
    }  # fmt: skip
