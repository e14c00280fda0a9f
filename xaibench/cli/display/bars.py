"""What every verb that works for long shows on the terminal, and that it is put away at the end."""

from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

Same = TypeVar("Same", bound="ProgressBars")


class ProgressBars:
    """Bars of images on a terminal, plain lines elsewhere; with `quiet` nothing at all."""

    def __init__(
        self, console: Console, quiet: bool = False, behind: str = "", keep: bool = True
    ) -> None:
        self.console = console
        self.quiet = quiet
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("images"),
            TimeElapsedColumn(),
            *([TextColumn(behind)] if behind else []),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=not keep,
        )

    def __enter__(self: Same) -> Same:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def note(self, text: str) -> None:
        """A line above the bars."""
        if not self.quiet:
            self.console.print(f"[yellow]note[/] {escape(text)}", highlight=False)

    def line(self, text: str) -> None:
        """A plain line, on a terminal too."""
        if not self.quiet:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)
