"""Time is up where the alarm is heard, and between two turns also where it is not."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from xaibench.api.errors import TookTooLong
from xaibench.engine.device.time_limit import time_limit


def waited(seconds, spent):
    with time_limit(seconds, spent):
        return "done"


@pytest.mark.parametrize(
    ("seconds", "spent", "left"),
    [(0, 0, True), (0, 99, True), (60, 59, True), (60, 60, False), (60, 99, False)],
)
@pytest.mark.parametrize("place", [nullcontext, ThreadPoolExecutor], ids=["main thread", "another"])
def test_what_has_had_its_time_gets_no_further_turn(place, seconds, spent, left):
    with place() as pool, nullcontext() if left else pytest.raises(TookTooLong, match="60 seconds"):
        found = pool.submit(waited, seconds, spent).result() if pool else waited(seconds, spent)
        assert found == "done"
