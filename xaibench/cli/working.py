"""What verbs that run for long have in common: progress, and an end that loses nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer
from rich.console import Console

from xaibench.api.errors import Stopped
from xaibench.cli.progress import Progress

INTERRUPTED = 130  # as shells have it for Ctrl-C


@contextmanager
def working(console: Console, quiet: bool, folder: Path) -> Iterator[Progress]:
    """Show progress; the first Ctrl-C finishes the shard, the second one stops at once.

    Args:
        console: where the progress goes.
        quiet: show none.
        folder: of the results, to be named where it ends early.

    Raises:
        typer.Exit: it was stopped; what is finished is in the folder.
    """
    with Progress(console, quiet) as progress:

        def asked(number: int, frame: FrameType | None) -> None:
            if progress.stopping():
                raise KeyboardInterrupt
            progress.stop()
            progress.note("stopping after this shard; once more Ctrl-C stops at once")

        before = signal.signal(signal.SIGINT, asked)
        try:
            yield progress
        except (Stopped, KeyboardInterrupt):
            said = f"stopped; {folder} has what is finished; the same command goes on"
        else:
            return
        finally:
            signal.signal(signal.SIGINT, before)
    typer.echo(f"\n{said}", err=True)
    raise typer.Exit(INTERRUPTED)
