"""A stage's clock stands still while its limit is measured."""

from importlib import import_module

import pytest
import readme
import torch
from torch import nn


@pytest.fixture
def limit(monkeypatch):
    """A clock that work advances, and a limit of half a second a forward, measured in ten seconds."""
    monkeypatch.syspath_prepend(str(readme.ROOT / "benchmarks"))
    module = import_module("limit")
    monkeypatch.setattr(module, "perf_counter", lambda: clock.now)

    class Clock(module.Limit):
        now = 0.0
        forwards = 0

        def __init__(self):
            pass

        def forward(self, sustained):
            self.now += 10
            self.forwards += 1
            return 0.5

    clock = Clock()
    return clock


def slow(limit, seconds):
    """A network, each pass of which takes so many seconds."""

    class Slow(nn.Module):
        def forward(self, images):
            limit.now += seconds
            return images

    return Slow()


def test_the_work_waits_between_its_passes_and_no_wait_is_its_time(limit):
    network = slow(limit, 1.5)
    found = limit.timed(lambda: [network(torch.zeros(1)) for _ in range(5)], [network])
    assert len(found.done) == 5
    assert found.seconds == 7.5
    assert found.forward == 0.5
    assert limit.forwards == 4  # before, after 3 and 6 seconds, and at the end
    assert not network._forward_pre_hooks


def test_short_work_is_repeated_and_its_time_is_of_once(limit):
    network = slow(limit, 0.25)
    found = limit.timed(lambda: network(torch.zeros(1)), [network])
    assert found.seconds == 0.25
    assert limit.forwards == 2


def test_nobody_watches_the_network_once_the_work_has_failed(limit):
    network = slow(limit, 1.0)
    with pytest.raises(ZeroDivisionError):
        limit.timed(lambda: network(1 / 0), [network])
    assert not network._forward_pre_hooks
