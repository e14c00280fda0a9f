"""The limit of a stage: the time of a plain float32 forward at the best pass width."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import fmean, median
from time import perf_counter
from typing import Generic, TypeVar

import torch
from torch import nn

from xaibench.api.classifier import Classifier

WIDTHS = (1, 2, 4, 8, 16)
TRIED, SUSTAINED = 9, 2.0  # passes of each width, in turns; seconds of the best
EVERY, BRIEFLY = 2.0, 0.5  # seconds of a stage, and then of the limit

Done = TypeVar("Done")


class PlainForward:
    """A network's forward on noise, in passes of the width at which an image takes least.

    Args:
        network: on the CPU.
        size: (height, width) of its images.
    """

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        self.network = network.eval()
        self.images = torch.randn(max(WIDTHS), 3, *size, generator=torch.Generator().manual_seed(0))
        self._pass(1)  # to warm up
        rounds = [[self._pass(width) for width in WIDTHS] for _ in range(TRIED)]
        tried = [median(taken) for taken in zip(*rounds, strict=True)]
        self.width = WIDTHS[tried.index(min(tried))]

    def seconds(self, sustained: float = SUSTAINED) -> float:
        """Return the seconds for an image, a mean over `sustained` seconds of passes.

        A stage's time is made of many passes: the luckiest of a few would be less than any work can
        sustain.
        """
        taken: list[float] = []
        while sum(taken) * self.width < sustained:
            taken.append(self._pass(self.width))
        return fmean(taken)

    def _pass(self, width: int) -> float:
        """Return the seconds of one pass, for an image."""
        began = perf_counter()
        with torch.inference_mode():
            self.network(self.images[:width])
        return (perf_counter() - began) / width


@dataclass(frozen=True)
class Timed(Generic[Done]):
    """The time of a piece of work, and its limit.

    Args:
        done: what it gave.
        seconds: of the work, done once.
        forward: seconds of a plain forward, measured while the work waited.
    """

    done: Done
    seconds: float
    forward: float


class Limit:
    """The time of a plain forward for one image, measured anew at each call.

    In a process of its own, where memory is allocated as it is without us: that ours keeps freed memory
    is part of how it prepares a network. A machine's speed drifts, so a stage is held against what was
    measured between its own passes, and one in another process against what was right before and after.
    """

    def __init__(self, classifier: Classifier) -> None:
        assert classifier.preprocess is not None
        spawned = get_context("spawn")
        self._asking, answering = spawned.Pipe()
        given = answering, classifier.network, classifier.preprocess.size, torch.get_num_threads()
        spawned.Process(target=_answer, args=given, daemon=True).start()
        answering.close()  # ours: asking a process that has died raises EOFError
        self.width: int = self._asking.recv()

    def timed(self, work: Callable[[], Done], networks: Iterable[nn.Module]) -> Timed[Done]:
        """Time some work, repeated until it lasts as long as the limit's usual passes.

        It waits for half a second of the limit's passes before it, after it, and between two passes
        of one of `networks` whenever two seconds of it are over.
        """
        forwards: list[float] = []
        worked, resumed = 0.0, perf_counter()

        def pause(*_: object) -> None:
            nonlocal worked, resumed
            worked += perf_counter() - resumed
            forwards.append(self.forward(BRIEFLY))
            resumed = perf_counter()

        def pause_now_and_then(*_: object) -> None:
            if perf_counter() - resumed > EVERY:
                pause()

        handles = [network.register_forward_pre_hook(pause_now_and_then) for network in networks]
        forwards.append(self.forward(BRIEFLY))
        resumed, times = perf_counter(), 0
        try:
            while worked + perf_counter() - resumed < SUSTAINED:
                done = work()
                times += 1
            pause()
        finally:
            for handle in handles:
                handle.remove()
        return Timed(done, worked / times, fmean(forwards))

    def forward(self, sustained: float = SUSTAINED) -> float:
        """Return seconds for one image at the best width, the mean of `sustained` seconds of passes."""
        self._asking.send(sustained)
        seconds: float = self._asking.recv()
        return seconds

    def around(self, before: float) -> float:
        """Return the mean of the limit before a stage and now, at its end."""
        return fmean((before, self.forward()))


def _answer(answering: Connection, network: nn.Module, size: tuple[int, int], threads: int) -> None:
    """Send the best width, and then the seconds for an image at each request, until the pipe closes."""
    torch.set_num_threads(threads)
    forward = PlainForward(network, size)
    answering.send(forward.width)
    try:
        while sustained := answering.recv():
            answering.send(forward.seconds(sustained))
    except EOFError:
        return
