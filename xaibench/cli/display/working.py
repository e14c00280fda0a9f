"""What verbs that run for long have in common: progress, and an end that loses nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from xaibench.api.errors import Stopped
from xaibench.cli.display.json_lines import JsonLines
from xaibench.cli.display.pace import INTERRUPTED
from xaibench.cli.display.progress import Progress


@dataclass
class RunningCommand:
    """What is being done.

    Args:
        observer: shows how it goes.
        folder: of the results, once it is known.
    """

    observer: Progress | JsonLines
    folder: Path | None = None


@contextmanager
def working(observer: Progress | JsonLines) -> Iterator[RunningCommand]:
    """Show progress; the first Ctrl-C finishes the shard, the second one stops at once.

    Raises:
        typer.Exit: it was stopped; what is finished is in the folder.
    """
    work = RunningCommand(observer)

    def request_stop(number: int, frame: FrameType | None) -> None:
        if observer.stopping() or work.folder is None:
            raise KeyboardInterrupt
        observer.stop()
        observer.note("stopping after this shard; once more Ctrl-C stops at once")

    before = signal.signal(signal.SIGINT, request_stop)
    try:
        with observer:
            yield work
    except (Stopped, KeyboardInterrupt):
        kept = f"{work.folder} has what is finished; the same command goes on"
        typer.echo(f"\nstopped; {kept if work.folder else 'nothing was begun'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGINT, before)
