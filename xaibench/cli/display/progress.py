"""What a run shows while it works."""

from collections.abc import Callable
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.progress import TaskID

from xaibench.cli.display.bars import ProgressBars
from xaibench.cli.display.pace import Pace

OFTEN, SELDOM = 15.0, 600.0  # seconds between plain lines, at the beginning and at most
SHARE = 20  # a line each twentieth of the time so far: some forty lines a day


class Progress(ProgressBars, Pace):
    """A bar a block, and behind it how it goes; plain lines where no terminal is."""

    def __init__(
        self, console: Console, quiet: bool = False, clock: Callable[[], float] = monotonic
    ) -> None:
        Pace.__init__(self, clock)
        ProgressBars.__init__(self, console, quiet, behind="[dim]{task.fields[doing]}")
        self.task: TaskID | None = None
        self.first = self.told = clock()

    def block(self, name: str, images: int) -> None:
        """A bar for the block; of unknown length while it is loading."""
        new = name != self.name
        super().block(name, images)
        if new:
            self.task = self.bars.add_task(escape(self.place), total=None, doing="")
        if images and self.task is not None:
            self.bars.update(self.task, total=images, completed=0)
            self.plain(f"{self.place}: {images} images")

    def stage(self, name: str) -> None:
        """What is being done now, behind the bar."""
        super().stage(name)
        self.refresh()

    def passed(self, images: int) -> None:
        """Count the forwards."""
        super().passed(images)
        self.refresh()

    def done(self, images: int, resumed: bool) -> None:
        """Move the bar on."""
        super().done(images, resumed)
        if self.task is not None:
            self.bars.advance(self.task, images)
        self.refresh()

    def refresh(self) -> None:
        """Say how it goes."""
        if self.task is not None:
            self.bars.update(self.task, doing=self.status_line)
        now = self.clock()
        if now - self.told > min(SELDOM, max(OFTEN, (now - self.first) / SHARE)):
            self.plain(f"{self.place}: {self.finished}/{self.images} images, {self.status_line}")

    def plain(self, text: str) -> None:
        """A line where there is no terminal for bars."""
        if not self.console.is_terminal:
            self.line(text)
        self.told = self.clock()
