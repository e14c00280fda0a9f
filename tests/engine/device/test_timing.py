"""Times on a GPU, which is only told to work and does it later."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch

from xaibench.api.batch import Batch
from xaibench.api.specs import Metric
from xaibench.api.variants import Variants
from xaibench.engine.device.timing import Span, mark, wait
from xaibench.engine.evaluate.outcome import Explained, Outcome
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream, Task


@dataclass
class Gpu:
    """What it is told between two marks takes it a millisecond, and is done once it is waited for."""

    marks: int = 0
    waits: int = 0

    def Event(self, enable_timing):  # noqa: N802
        assert enable_timing
        return Recorded(self)

    def current_stream(self, device):
        return self

    def record_event(self, event):
        self.marks += 1
        event.at = self.marks


@dataclass
class Recorded:
    gpu: Gpu
    at: int = 0

    def synchronize(self):
        self.gpu.waits += 1

    def elapsed_time(self, later):
        assert self.gpu.waits, "read before it has happened"
        return float(later.at - self.at)


@pytest.fixture
def gpu(monkeypatch):
    """Tensors stay where they are; the clock takes them to be on a GPU."""
    found = Gpu()
    for name in ("Event", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, getattr(found, name))
    on_gpu = partial(mark, torch.device("cuda"))
    for module in ("stream", "scoring"):
        monkeypatch.setattr(f"xaibench.engine.evaluate.{module}.mark", lambda device: on_gpu())
    return found


def make_batch():
    return Batch(("a", "b"), torch.rand(2, 3, 4, 4), torch.tensor([0, 1]))


def logits(images):
    return images.mean((2, 3))


def asks(batch, count=6):
    return (yield Variants(lambda row, k: batch.images[row].expand(len(k), -1, -1, -1), count))


def test_on_a_cpu_it_is_the_wall_clock(monkeypatch):
    monkeypatch.setattr("xaibench.engine.device.timing.perf_counter", iter((2.0, 5.0)).__next__)
    cpu = torch.device("cpu")
    assert Span(mark(cpu), mark(cpu), 1 / 4).seconds == 0.75
    wait(cpu)


def test_passes_on_a_gpu_are_timed_and_none_is_waited_for(gpu):
    batch = make_batch()
    answers = Stream(logits, 4).drive([Task(asks(batch), batch), Task(asks(batch, 2), batch)])
    assert (gpu.marks, gpu.waits) == (8, 0)  # four passes of four
    # a millisecond from each pass's beginning to its end, of which the last was all the second's
    assert [answer.seconds for answer in answers] == pytest.approx([3e-3, 1e-3])
    assert gpu.waits


def test_what_a_metric_does_on_a_gpu_is_waited_for_once_all_metrics_have_asked(gpu, monkeypatch):
    batch, waited = make_batch(), []

    def said(maps, batch):
        curve = yield from asks(batch)
        waited.append(gpu.waits)
        return curve.mean(1)

    monkeypatch.setattr(Metric, "load", lambda self: said)
    metrics = [
        Metric(name=name, at="toys:any", higher_is_better=True, range=(0, 1)) for name in ("one", "two")
    ]
    maps = Explained(Outcome([0, 1]), torch.rand(2, 4, 4))
    policies = [frozenset({"predicted"})] * 2
    found = score({"maps": maps}, metrics, policies, batch, Stream(logits, 4))
    assert waited == [0, 0]
    # three passes each; before and after them, and for the generator to be made, a mark to a mark
    assert [outcome.ms for outcome in found.values()] == pytest.approx([(3 + 3) / 2] * 2)


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_gpu_that_is_still_working_is_waited_for_when_its_time_is_asked(device):
    where = torch.device(device)
    began = mark(where)
    torch.cuda._sleep(10**8)  # clock ticks: longer than 0.02 s below 5 GHz
    assert Span(began, mark(where)).seconds > 0.02
