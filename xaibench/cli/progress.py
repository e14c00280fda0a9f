"""What a run shows while it works."""

from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from xaibench.engine.observer import Observer

PLAIN_EVERY = 15.0  # seconds between lines where there is no terminal


class Progress(Observer):
    """A bar a block, with the stage and the forwards a second; plain lines where no terminal is."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("images"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[doing]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.task: TaskID | None = None
        self.name, self.images, self.finished = "", 0, 0
        self.doing, self.forwards = "", 0
        self.began = self.said = monotonic()
        self.asked_to_stop = False

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def block(self, name: str, images: int) -> None:
        """A bar for the block; of unknown length while it is loading."""
        if name != self.name:
            self.task = self.bars.add_task(escape(name), total=None, doing="")
        self.name, self.images, self.finished = name, images, 0
        self.forwards, self.began = 0, monotonic()
        if images and self.task is not None:
            self.bars.update(self.task, total=images, completed=0)
            self.line(f"{name}: {images} images")

    def stage(self, name: str) -> None:
        """What is being done now, behind the bar."""
        self.doing = name
        self.refresh()

    def passed(self, images: int) -> None:
        """Count the forwards."""
        self.forwards += images
        self.refresh()

    def done(self, images: int, resumed: bool) -> None:
        """Move the bar on."""
        self.finished += images
        if self.task is not None:
            self.bars.advance(self.task, images)
        self.doing = "found finished" if resumed else ""
        self.refresh()

    def note(self, text: str) -> None:
        """A line above the bars."""
        if not self.quiet:
            self.console.print(f"[yellow]note[/] {escape(text)}", highlight=False)

    def stop(self) -> None:
        """Ask the run to end after its shard."""
        self.asked_to_stop = True

    def stopping(self) -> bool:
        """Whether it was asked to."""
        return self.asked_to_stop

    def refresh(self) -> None:
        """Say the stage and the speed."""
        speed = self.forwards / max(1e-3, monotonic() - self.began)
        doing = (
            f"{self.doing}  {self.forwards:,} forwards, {speed:,.0f}/s" if self.forwards else self.doing
        )
        if self.task is not None:
            self.bars.update(self.task, doing=doing)
        if monotonic() - self.said > PLAIN_EVERY:
            self.line(f"{self.name}: {self.finished}/{self.images} images, {doing}")

    def line(self, text: str) -> None:
        """A plain line, where there is no terminal for bars."""
        if not self.quiet and not self.console.is_terminal:
            self.console.print(text, highlight=False, markup=False)
        self.said = monotonic()
