"""What the engine and an executor say to each other: how to make a worker, and tasks for it.

An executor is a function `(address, device, **settings)` that returns a context manager. What that
gives is an `Execute`; at its end, all that was started is stopped. Tasks and what comes of them are
the engine's own affair: to an executor they are things that can be pickled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Work(Protocol):
    """Does tasks, one after another, in the process where it was made."""

    def __call__(self, task: Any, following: Any = None) -> Any:
        """What comes of a task.

        Args:
            task: one of the engine's.
            following: the one that probably comes next, so that its images are decoded meanwhile;
                whether it does come changes nothing.
        """

    def close(self) -> None:
        """No more tasks come; whatever is held is given free."""


@runtime_checkable
class MakeWork(Protocol):
    """Makes a worker; can be pickled, and equal ones make equal workers."""

    def __call__(self) -> Work:
        """A worker. What it needs is loaded with its first task, and stays."""


@runtime_checkable
class Execute(Protocol):
    """Has tasks done somewhere."""

    def __call__(self, make: MakeWork, tasks: Iterable[Any]) -> Iterator[Any]:
        """What comes of each task, in any order, each once; or `Lost`.

        A worker is made once on each device, and kept until another `make` comes. A task whose worker is
        gone is done by another: tasks may be done twice without harm, since workers write nothing. What
        a worker raises is raised here. `tasks` are taken when there is somebody to do them.

        Args:
            make: makes the workers.
            tasks: may be endless for all one knows.
        """


@dataclass(frozen=True)
class Lost:
    """A task that nobody could do.

    Args:
        task: as it was given.
        reason: what happened to its workers.
    """

    task: Any
    reason: str
