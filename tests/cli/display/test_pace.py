"""Speed and time left by a clock that the test turns."""

from io import StringIO

import pytest
from rich.console import Console

from xaibench.cli.display.pace import Pace
from xaibench.cli.display.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_speed_and_time_left_are_those_of_the_images_done_now(clock):
    pace = Pace(clock)
    pace.begin(2)
    pace.block("a on b", 0)
    clock.now += 50  # loading counts for nothing
    pace.block("a on b", 20)
    assert pace.left is None
    clock.now += 8
    pace.passed(16)
    pace.passed(24)
    assert pace.speed == pytest.approx(5)
    pace.done(4, resumed=False)
    assert pace.left == pytest.approx(16 * 2)
    clock.now += 3  # between two shards it counts down
    assert pace.left == pytest.approx(16 * 2 - 3)
    clock.now += 300
    assert pace.left == 0


def test_images_found_finished_say_nothing_of_the_speed(clock):
    pace = Pace(clock)
    pace.block("a on b", 100)
    pace.done(40, resumed=True)
    clock.now += 5
    pace.done(40, resumed=True)
    assert pace.left is None
    clock.now += 6
    pace.done(2, resumed=False)
    assert pace.left == pytest.approx((100 - 82) * 3)


def test_what_is_said_holds_all_that_is_known_and_no_more(clock):
    pace = Pace(clock)
    assert pace.status_line == ""
    pace.begin(3)
    pace.block("a on b", 10)
    pace.stage("scoring")
    assert pace.status_line == "scoring"
    pace.width(16)
    clock.now += 10
    pace.passed(2000)
    pace.failed(0)
    pace.done(5, resumed=False)
    pace.stage("scoring")
    assert pace.status_line == "scoring, 2,000 forwards, 200/s, 16 a pass, 10 s left"
    pace.failed(3)
    assert pace.status_line.endswith("3 failures")
    assert pace.place == "a on b (1 of 3)"
    pace.block("c on d", 0)
    assert (pace.number, pace.pass_width, pace.failures) == (2, 0, 3)


def test_a_log_gets_a_line_at_times_and_no_flood(clock):
    out = StringIO()
    progress = Progress(Console(file=out), clock=clock)
    with progress:
        progress.begin(1)
        progress.block("a on b", 0)
        progress.block("a on b", 1000)
        for _ in range(10_000):  # more than a day
            clock.now += 10
            progress.passed(160)
    lines = out.getvalue().splitlines()
    assert lines[0] == "a on b: 1000 images"
    assert 100 < len(lines) < 300
    assert lines[1].startswith("a on b: 0/1000 images, 320 forwards, 16/s")


def test_quiet_is_quiet_and_a_terminal_gets_a_bar(clock):
    quiet, shown = StringIO(), StringIO()
    for out, progress in (
        (quiet, Progress(Console(file=quiet, force_terminal=True), True, clock)),
        (shown, Progress(Console(file=shown, force_terminal=True, width=150), False, clock)),
    ):
        with progress:
            progress.begin(1)
            progress.block("a [b] on c", 7)
            progress.width(32)
            progress.note("something [odd]")
            clock.now += 4
            progress.passed(10)
            progress.failed(2)
            progress.done(2, resumed=False)
        assert out is quiet or "2/7" in out.getvalue()
    assert quiet.getvalue() == ""
    for part in ("a [b] on c", "something [odd]", "32 a pass", "10 s left", "2 failures"):
        assert part in shown.getvalue()
