"""The contract of executors: places where the engine's tasks are done."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from xaibench.api.errors import DataError
from xaibench.api.executing import Lost
from xaibench.api.specs import Executor
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import IS_LOADED, Broken, Contract, Verdict, check, described_error

OF_EXECUTORS = Contract()
TASKS = tuple(range(7))
FAULTY = 3  # the task that raises, where one is to
AHEAD = 10_000  # tasks taken before any is done: more than any crew has hands
PATIENCE = 10.0  # seconds that a worker elsewhere has to be gone
SAID = "this task is made to raise"


@dataclass(frozen=True)
class MakeTimes:
    """Makes workers that give back each task with so many times it; can be pickled.

    Args:
        factor: how many times.
        faulty: the task that raises; none where not given.
        folder: where a worker notes that it is there, "" for nowhere.
    """

    factor: int
    faulty: int | None = None
    folder: str = ""

    def __call__(self) -> "Times":
        """A worker of its own."""
        return Times(self)


class Times:
    """A worker; what it notes in a folder is seen from other processes too."""

    def __init__(self, make: MakeTimes) -> None:
        self.make = make
        self.note = Path(make.folder, uuid4().hex) if make.folder else None
        if self.note:
            self.note.write_text(str(os.getpid()), encoding="utf-8")

    def __call__(self, task: Any, following: Any = None) -> Any:
        """The task and so many times it."""
        if task == self.make.faulty:
            raise DataError(SAID)
        return task, self.make.factor * task

    def close(self) -> None:
        """It is there no longer."""
        if self.note:
            self.note.unlink(missing_ok=True)


@dataclass(frozen=True)
class ExecutorTrial:
    """An executor, opened anew for each clause: on this machine's CPU."""

    spec: Executor

    def opened(self) -> Any:
        """What its function returns: a context manager that gives an Execute, as `opens` makes sure."""
        return self.spec.load()("", "cpu")


@dataclass(frozen=True)
class ExecutorSubject:
    """An executor under trial."""

    spec: Executor

    @property
    def title(self) -> str:
        """For people."""
        return f"executor {self.spec.name!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    def trials(self) -> Iterator[tuple[str, ExecutorTrial]]:
        """One: the executor."""
        yield "", ExecutorTrial(self.spec)


def check_executor(executor: Executor | str, *, only: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Try the whole contract on an executor, with tasks of our own on this machine's CPU.

    Args:
        executor: a spec, or the name of an installed one.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such executor, or no such clause.
    """
    spec = installed().executor(executor) if isinstance(executor, str) else executor
    return check(ExecutorSubject(spec), CONTRACT, only)


@OF_EXECUTORS.clause("opens", "a run opens it, and has its tasks done inside.", essential=True)
def opens(trial: ExecutorTrial) -> None:
    """It is a context manager that gives a function."""
    place = trial.opened()
    if not isinstance(place, AbstractContextManager):
        raise Broken("a context manager", type(place).__name__)
    with place as execute:
        if not callable(execute):
            raise Broken("a function `(make, tasks)` from its context", type(execute).__name__)


@OF_EXECUTORS.clause(
    "each-once", "a result missing or doubled is rows missing or doubled.", essential=True
)
def each_once(trial: ExecutorTrial) -> None:
    """Each task's own result, once, in any order; of no tasks, none."""
    with trial.opened() as execute:
        answered(list(execute(MakeTimes(2), iter(TASKS))), TASKS, 2)
        answered(list(execute(MakeTimes(2), iter(()))), (), 2)


def answered(results: Sequence[Any], tasks: Sequence[int], factor: int) -> None:
    """Every task must have been answered by a worker of that factor; raises Broken."""
    lost = [one for one in results if isinstance(one, Lost)]
    if lost:
        raise Broken("no task lost", f"{lost[0].task!r} is: {lost[0].reason}")
    expected = [(task, factor * task) for task in tasks]
    if sorted(results, key=repr) != sorted(expected, key=repr):
        raise Broken(f"each once, in any order: {expected}", repr(list(results)))


@OF_EXECUTORS.clause("another-make", "rows of one model would be filed under another.")
def another_make(trial: ExecutorTrial) -> None:
    """Workers stay until another `make` comes, and no longer."""
    with trial.opened() as execute:
        for factor in (2, 3, 2):
            answered(list(execute(MakeTimes(factor), iter(TASKS))), TASKS, factor)


@OF_EXECUTORS.clause("as-needed", "tasks without end would be held in memory, and none of them done.")
def as_needed(trial: ExecutorTrial) -> None:
    """Of tasks without end, results come all the same."""

    def without_end() -> Iterator[int]:
        for task in count():
            if task > AHEAD:
                raise Broken("tasks taken when there is a worker for them", f"{AHEAD} taken at once")
            yield task

    with trial.opened() as execute:
        coming = iter(execute(MakeTimes(2), without_end()))
        for _ in TASKS:
            next(coming)
        ended: Any = getattr(coming, "close", None)
        if ended:
            ended()


@OF_EXECUTORS.clause("raises", "an error that nobody hears of is rows that are missing.")
def raises(trial: ExecutorTrial) -> None:
    """What a worker raises is raised, as it was."""
    expected = f"what the worker raised: {described_error(DataError(SAID))}"
    with trial.opened() as execute:
        try:
            results = list(execute(MakeTimes(2, FAULTY), iter(TASKS)))
        except Exception as error:  # whatever the executor makes of it
            if not isinstance(error, DataError) or SAID not in str(error):
                raise Broken(expected, described_error(error)) from error
        else:
            raise Broken(expected, f"no error, and {results}")


@OF_EXECUTORS.clause("closed", "a worker that stays keeps its model, and the device it is on.")
def closed(trial: ExecutorTrial) -> None:
    """At the end every worker is gone."""
    with TemporaryDirectory() as folder:
        with trial.opened() as execute:
            list(execute(MakeTimes(2, folder=folder), iter(TASKS)))
        refuse_left(folder)


@OF_EXECUTORS.clause("closed-after-error", "a run that fails must say why, and leave nothing behind.")
def closed_after_error(trial: ExecutorTrial) -> None:
    """An error inside goes through, and every worker is gone after it."""
    with TemporaryDirectory() as folder:
        try:
            with trial.opened() as execute:
                next(iter(execute(MakeTimes(2, folder=folder), iter(TASKS))))
                raise DataError(SAID)
        except DataError:
            pass
        else:
            raise Broken("the error that was raised inside", "none: it is swallowed")
        refuse_left(folder)


def refuse_left(folder: str) -> None:
    """Every worker that noted itself must be closed, or its process gone; raises Broken."""
    until = monotonic() + PATIENCE
    while left := [int(note.read_text(encoding="utf-8")) for note in notes_left(folder)]:
        if os.getpid() in left or monotonic() > until:
            raise Broken("every worker closed, or its process ended", f"{len(left)} left")
        sleep(0.05)


def notes_left(folder: str) -> list[Path]:
    """Those of workers that may still be there."""
    return [note for note in Path(folder).iterdir() if alive(int(note.read_text(encoding="utf-8")))]


def alive(process: int) -> bool:
    """Whether there is a process of that number."""
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)  # the null signal: asks, and does nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


CONTRACT = (IS_LOADED, *OF_EXECUTORS)
