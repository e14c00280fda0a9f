"""How a run goes on, counted from what an observer is told: what bars, lines and JSON all tell."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from xaibench.cli.display.forecast_table import in_words
from xaibench.engine.work.observer import Observer

INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it


class Pace(Observer):
    """Counts images, forwards, failures, and from these the speed and the time that is left.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.blocks, self.number = 0, 0
        self.name, self.images = "", 0
        self.finished, self.fresh = 0, 0
        self.doing, self.forwards, self.pass_width, self.failures = "", 0, 0, 0
        self.began = self.moved = clock()
        self.asked_to_stop = False

    def stop(self) -> None:
        """Ask the run to end after its shard."""
        self.asked_to_stop = True

    def stopping(self) -> bool:
        """Whether it was asked to."""
        return self.asked_to_stop

    def begin(self, blocks: int) -> None:
        """How many models on data sets there will be."""
        self.blocks = blocks

    def block(self, name: str, images: int) -> None:
        """A model on a data set; told twice, before it is loaded and when its images are known."""
        if name != self.name:
            self.number += 1
            self.pass_width = 0
        self.name, self.images = name, images
        self.finished = self.fresh = self.forwards = 0
        self.began = self.moved = self.clock()

    def stage(self, name: str) -> None:
        """What is being done now."""
        self.doing = name

    def width(self, images: int) -> None:
        """How many images a pass takes from now on."""
        self.pass_width = images

    def passed(self, images: int) -> None:
        """Count the forwards."""
        self.forwards += images

    def done(self, images: int, resumed: bool) -> None:
        """Count the images; those found finished say nothing of the speed."""
        self.finished += images
        self.doing = "found finished" if resumed else ""
        if resumed and not self.fresh:
            self.began = self.clock()
        if not resumed:
            self.fresh += images
        self.moved = self.clock()

    def failed(self, rows: int) -> None:
        """Count the scores that are lost to errors."""
        self.failures += rows

    @property
    def speed(self) -> float:
        """Forwards a second, in this block."""
        return self.forwards / max(1e-3, self.clock() - self.began)

    @property
    def left(self) -> float | None:
        """Seconds until this block is done, if the rest takes as long; None before there is any sign.

        Images are finished a shard at a time: between two shards the time counts down.
        """
        if not self.fresh:
            return None
        each = (self.moved - self.began) / self.fresh
        return max(0.0, (self.images - self.finished) * each - (self.clock() - self.moved))

    @property
    def place(self) -> str:
        """Which block of how many, where there are several."""
        return f"{self.name} ({self.number} of {self.blocks})" if self.blocks > 1 else self.name

    @property
    def status_line(self) -> str:
        """Stage, forwards, speed, pass width, time left, failures; what is not known is left out."""
        parts = [self.doing] if self.doing else []
        if self.forwards:
            parts.append(f"{self.forwards:,} forwards, {self.speed:,.0f}/s")
        if self.pass_width:
            parts.append(f"{self.pass_width} a pass")
        if self.left is not None and self.finished < self.images:
            parts.append(f"{in_words(self.left)} left")
        if self.failures:
            parts.append(f"{self.failures:,} failures")
        return ", ".join(parts)

    @property
    def facts(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "block": self.name,
            "number": self.number,
            "blocks": self.blocks,
            "stage": self.doing,
            "done": self.finished,
            "images": self.images,
            "forwards": self.forwards,
            "forwards_per_second": round(self.speed, 1),
            "seconds_left": None if self.left is None else round(self.left, 1),
            "pass_width": self.pass_width,
            "failures": self.failures,
        }
