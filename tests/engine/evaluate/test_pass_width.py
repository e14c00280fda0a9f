"""The best pass width, measured by a clock of the test's own."""

import pytest
import torch

from xaibench.engine.evaluate import pass_width as width
from xaibench.engine.evaluate.pass_width import best_width

IMAGE = torch.zeros(1, 3, 2, 2)


class Device:
    """A pass of n images takes `cost(n)` seconds of its clock."""

    def __init__(self, cost, monkeypatch):
        self.cost, self.now, self.tried = cost, 0.0, []
        monkeypatch.setattr(width, "perf_counter", lambda: self.now)

    def __call__(self, images):
        self.now += self.cost(len(images))
        if len(images) not in self.tried:
            self.tried.append(len(images))
        return images.flatten(1)


@pytest.mark.parametrize(
    ("cost", "best", "tried"),
    [
        (lambda n: 0.01 + 1e-6 * n, 64, [1, 2, 4, 8, 16, 32, 64]),  # a GPU that is never filled
        (lambda n: 1e-4 * n, 1, [1, 2, 4, 8]),  # nothing gained, nothing lost
        (lambda n: 1e-4 * n**1.3, 1, [1, 2, 4, 8]),  # a CPU whose cache is small
        (lambda n: 1e-4 * max(n, 4), 4, [1, 2, 4, 8, 16, 32]),  # lanes that fill up
        (lambda n: 1e-4 * (n if n < 4 else 0.7 * n), 4, [1, 2, 4, 8, 16, 32]),  # a bump on the way
    ],
)
def test_wider_passes_are_tried_as_long_as_they_gain(cost, best, tried, monkeypatch):
    device = Device(cost, monkeypatch)
    assert best_width(device, IMAGE) == best
    assert device.tried == tried


def test_the_widest_is_kept_to(monkeypatch):
    assert best_width(Device(lambda n: 0.1 + 1e-6 * n, monkeypatch), IMAGE, widest=8) == 8


def test_no_wider_pass_is_begun_that_would_not_end_in_time(monkeypatch):
    device = Device(lambda n: 1 + 1e-6 * n, monkeypatch)
    assert best_width(device, IMAGE, seconds=12) == 2
    assert device.tried == [1, 2]


def test_no_pass_is_begun_after_the_time(monkeypatch):
    device = Device(lambda n: n / 8, monkeypatch)
    best_width(device, IMAGE, seconds=2)
    assert device.now < 2 + 4 / 8


@pytest.mark.parametrize("slow_from", [0.005 * n for n in range(16)])
def test_a_machine_that_is_slow_for_a_while_does_not_change_what_is_best(slow_from, monkeypatch):
    device = Device(lambda n: 1e-3 * n * (1 if n >= 8 else 1.1 if n == 4 else 1.5), monkeypatch)
    usual = device.cost
    device.cost = lambda n: usual(n) * (2 if slow_from < device.now < slow_from + 0.04 else 1)
    assert best_width(device, IMAGE) == 8


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_nothing_wider_is_tried_where_memory_runs_out(error, monkeypatch):
    device = Device(lambda n: 0.01 + 1e-6 * n, monkeypatch)

    def cramped(images):
        if len(images) > 8:
            raise error
        return device(images)

    assert best_width(cramped, IMAGE) == 8


@pytest.mark.parametrize("last", range(2, 10))
def test_a_width_at_which_memory_runs_out_later_is_not_taken(last, monkeypatch):
    device = Device(lambda n: 1e-4 * n**0.9, monkeypatch)
    assert best_width(device, IMAGE) == 64
    widest = []

    def cramped(images):
        if len(images) == 64:
            widest.append(images)
            if len(widest) == last:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return device(images)

    assert best_width(cramped, IMAGE) == 32


@pytest.mark.parametrize(
    ("error", "most"), [(torch.OutOfMemoryError("CUDA out of memory"), 0), (ValueError("no mask"), 4)]
)
def test_an_image_that_does_not_fit_and_any_other_error_are_raised(error, most, monkeypatch):
    device = Device(lambda n: 0.01 + 1e-6 * n, monkeypatch)

    def broken(images):
        if len(images) > most:
            raise error
        return device(images)

    with pytest.raises(type(error)):
        best_width(broken, IMAGE)
