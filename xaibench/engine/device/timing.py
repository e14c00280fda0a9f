"""How long work took on the device that did it. A GPU is only told to work: it is done later."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import torch


@runtime_checkable
class Event(Protocol):
    """A `torch.cuda.Event`."""

    def synchronize(self) -> None:
        """Wait until it has happened."""

    def elapsed_time(self, later: Any, /) -> float:
        """Milliseconds from this one to a later one."""


Mark = float | Event


def mark(device: torch.device) -> Mark:
    """Now; on a GPU, the moment when it has done what it was told so far. Nothing waits for it."""
    if device.type != "cuda":
        return perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    torch.cuda.current_stream(device).record_event(event)
    return event


def wait(device: torch.device) -> None:
    """Until the device has done what it was told so far."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Span:
    """What lies between two marks, or a share of it."""

    began: Mark
    ended: Mark
    share: float = 1.0

    @property
    def seconds(self) -> float:
        """How long it took; asking waits until it has ended."""
        if isinstance(self.began, Event):
            assert isinstance(self.ended, Event)
            self.ended.synchronize()
            return self.share * self.began.elapsed_time(self.ended) / 1e3
        assert isinstance(self.ended, float)
        return self.share * (self.ended - self.began)
