from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaibench.report.page.cost_charts import Spot, front
from xaibench.report.page.svg import LETTER, Axis, LabelledPoint, labelled, plain, words

finite = st.floats(-1e3, 1e3, allow_nan=False)


def test_an_axis_goes_from_start_to_end():
    axis = Axis(2, 4, 100, 0)
    assert (axis.at(2), axis.at(3), axis.at(4)) == (100, 50, 0)
    assert Axis(1, 100, 0, 10, log=True).at(10) == pytest.approx(5)
    assert Axis(3, 3, 0, 10).at(3) == 5


@given(finite, st.floats(1e-3, 1e3))
def test_ticks_are_round_evenly_spaced_and_within(low, size):
    ticks = Axis(low, low + size, 0, 1).ticks()
    assert 3 <= len(ticks) <= 8
    assert min(ticks) >= low - 1e-6 * size
    assert max(ticks) <= low + size * (1 + 1e-6)
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    digits = f"{steps[0]:.0e}"[0]
    assert digits in "125"


def test_a_log_axis_has_powers_of_ten():
    assert Axis(0.03, 400, 0, 1, log=True).ticks() == [0.1, 1.0, 10.0, 100.0]


def test_names_do_not_cover_points_or_each_other():
    rng = np.random.default_rng(0)
    points = [
        LabelledPoint(*rng.uniform((40, 20), (360, 240)).tolist(), f"explainer-{k}") for k in range(12)
    ]
    points += [LabelledPoint(100, 100, "same"), LabelledPoint(100, 100, "place")]
    boxes = []
    for (x, y, anchor), point in zip(labelled(points, (0, 0, 400, 260)), points, strict=True):
        wide = LETTER * len(point.name)
        left = x if anchor == "start" else x - wide
        boxes.append((left, y - 9, left + wide, y + 3))
        assert left >= 0
        assert left + wide <= 400
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for box in boxes:
        for point in points:
            assert not (box[0] < point.x < box[2] and box[1] < point.y < box[3])


def test_without_room_a_name_stands_beside_its_point():
    assert labelled([LabelledPoint(5, 5, "a long name")], (0, 0, 10, 10)) == [(13, 8.5, "start")]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.booleans()), max_size=9), st.booleans()
)
def test_the_front_joins_those_whom_nobody_beats_in_both(found, higher):
    spots = [Spot("", float(c), float(m), m, m, control) for c, m, control in found]
    turn = 1 if higher else -1
    kept = [spot for spot in spots if not spot.control]

    def beaten(spot):
        return any(
            other.cost <= spot.cost
            and turn * other.mean >= turn * spot.mean
            and (other.cost, other.mean) != (spot.cost, spot.mean)
            for other in kept
        )

    expected = {(spot.cost, spot.mean) for spot in kept if not beaten(spot)}
    marks = front(spots, Axis(1, 9, 1, 9), Axis(1, 9, 1, 9), higher)
    if len(expected) < 2:
        assert marks == []
        return
    ((_, path), *_) = marks[0].attributes
    corners = {tuple(map(float, point.split())) for point in path[1:].split("L")}
    assert expected <= corners
    assert len(corners) == 2 * len(expected) - 1


def test_numbers_and_words_are_short():
    assert [plain(value) for value in (0.1, 12345.0, 1e-3, 2.0)] == ["0.1", "12,345", "0.001", "2"]
    assert words(1.0, 2.25, "x", "tick").attributes[:2] == (("x", "1"), ("y", "2.2"))
