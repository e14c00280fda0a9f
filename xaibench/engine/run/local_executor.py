"""The executor that is built in: this process, one task after another."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from xaibench.api.executing import Execute, MakeWork, Work


@contextmanager
def here(address: str = "", device: str = "auto") -> Iterator[Execute]:
    """This process; it has no address, and its device is found where the worker is made."""
    crew = OneWorker()
    try:
        yield crew
    finally:
        crew.close()


class OneWorker:
    """A worker in this process, until another is wanted."""

    def __init__(self) -> None:
        self.make: MakeWork | None = None
        self.work: Work | None = None

    def __call__(self, make: MakeWork, tasks: Iterable[Any]) -> Iterator[Any]:
        """What comes of each task, in order."""
        if self.work is None or make != self.make:
            self.close()
            self.make, self.work = make, make()
        coming = iter(tasks)
        task = next(coming, None)
        while task is not None:
            following = next(coming, None)
            yield self.work(task, following)
            task = following

    def close(self) -> None:
        """Let go of the worker: before the next is made, so that memory holds one model."""
        if self.work is not None:
            self.work.close()
        self.make = self.work = None
