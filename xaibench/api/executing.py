"""The contract between the engine and an executor: a place where the engine's tasks are done.

An executor is a function `(address, device, **settings)` that returns a context manager. Entering it
gives an `Execute`; leaving it stops all that was started, also after an error or an interruption.

What an executor may assume:

* **Processes.** A worker is made by `make()` in the process in which it works, which may be any process
  on any machine with xaibench, the same plugins, data and weights. `make`, tasks and results can be
  pickled; workers cannot. Two equal `make`s (`==`, `hash`) make equal workers. A worker may be made in
  the engine's own process only by the executor that is built in: the makers that other executors are
  given change the process's working directory.
* **Threads.** A worker is called by one thread at a time, and is best called by the main thread of its
  process: the limit on a method's own time (`--timeout`) is an alarm that only a main thread receives.
  It starts threads of its own for decoding, and ends them in `close`. Results are wanted in the thread
  that iterates over them; nothing is asked of an executor from another thread.
* **Working directory.** Relative paths in the settings start from the engine's working directory. The
  maker carries it and changes to it where it exists; an executor changes no directory.
* **Files.** Workers write nothing to the results folder and need no access to it. Maps that are on disk
  already travel with the tasks that need them.
* **Output.** What a worker prints is its own affair and reaches no results. Notes to the user come back
  within results.
* **Repetition.** Tasks may be done twice without harm, since only the engine writes. The order of
  results is free.

What an executor must give:

* **Timeouts.** The engine sets no time limit on a task, and waits for results as long as it takes. An
  executor that loses a worker notices that by its own means, has another worker do the task, and gives
  a task up after some attempts: as a result of `Lost`, which fails the images of that task alone.
* **Errors.** What `make()` or a worker raises is raised in the iteration, as it was. It ends the run;
  what is written stays.
* **Interruption.** A run that is stopped takes no more results and leaves the context, also where the
  iterator of results is not at its end. Leaving ends the tasks under way; they are done again when the
  run is resumed. At a terminal's first Ctrl-C the run waits for the task under way: a worker's process
  must ignore that signal.
* **Memory.** `tasks` may be endless: they are taken when a worker is free, and not held. A worker is
  closed before another is made on its device, so that one model is in memory.

`xaibench.testing.check_executor` tries an executor on tasks of its own: each result once, another maker,
tasks without end, errors, and that nothing stays. `xaibench new executor NAME` writes one that passes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Work(Protocol):
    """Does tasks, one after another, in the process where it was made."""

    def __call__(self, task: Any, following: Any = None) -> Any:
        """Return the result of a task.

        Args:
            task: one of the engine's.
            following: the one that probably comes next, so that its images are decoded meanwhile;
                whether it does come changes nothing.
        """

    def close(self) -> None:
        """Release everything; no more tasks come."""


@runtime_checkable
class MakeWork(Protocol):
    """Makes a worker; it can be pickled, and equal ones make equal workers."""

    def __call__(self) -> Work:
        """Return a worker. What it needs is loaded with its first task, and stays."""


@runtime_checkable
class Execute(Protocol):
    """Has tasks done somewhere."""

    def __call__(self, make: MakeWork, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yield the result of each task once, in any order; `Lost` for a task that nobody could do.

        A worker is made once on each device, and kept until another `make` comes. A task whose worker
        has died is done by another one. What a worker raises is raised here.

        Args:
            make: makes the workers.
            tasks: taken when a worker is free for them; there may be no end of them.
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
