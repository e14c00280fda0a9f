"""Executors broken on purpose, each in one way: a worker for each call, in this process."""

from contextlib import contextmanager
from functools import partial

from zoo_explainers import Broken

from xaibench.api import Executor
from xaibench.api.executing import Lost


@contextmanager
def in_turn(address, device, keep=False, tidy=True):
    """A worker for each call, or where it is kept for all; closed at the end where it is tidy."""
    workers = []

    def execute(make, tasks):
        if not (keep and workers):
            workers.append(make())
        for task in tasks:
            yield workers[-1](task)

    try:
        yield execute
    finally:
        for worker in workers if tidy else ():
            worker.close()


@contextmanager
def by_another(change):
    """Return the results of `change`, called with the tasks and the function that does them."""
    with in_turn("", "cpu") as execute:
        yield partial(change, execute)


def latest_first(address, device):
    """Healthy: no two tasks at hand are done in order."""

    def change(execute, make, tasks):
        tasks = iter(tasks)
        for task in tasks:
            yield from execute(make, [*(other for other in (next(tasks, None),) if other), task])

    return by_another(change)


def no_context(address, device):
    return lambda make, tasks: iter(())


@contextmanager
def nothing_inside(address, device):
    yield None


def forgets_one(address, device):
    return by_another(lambda execute, make, tasks: list(execute(make, tasks))[1:])


def doubles(address, device):
    return by_another(lambda execute, make, tasks: [*execute(make, tasks)] * 2)


def loses_all(address, device):
    return by_another(lambda execute, make, tasks: (Lost(task, "the machine is gone") for task in tasks))


def one_worker_for_all(address, device):
    return in_turn(address, device, keep=True)


def takes_all_at_once(address, device):
    return by_another(lambda execute, make, tasks: execute(make, list(tasks)))


def swallows_tasks(address, device):
    """End without an error when a worker raises, and do no more tasks."""

    def change(execute, make, tasks):
        try:
            yield from execute(make, tasks)
        except Exception:
            return

    return by_another(change)


def loses_what_raises(address, device):
    def change(execute, make, tasks):
        for task in tasks:
            try:
                yield from execute(make, [task])
            except Exception as error:
                yield Lost(task, str(error))

    return by_another(change)


def leaves_workers(address, device):
    return in_turn(address, device, tidy=False)


@contextmanager
def closes_only_at_the_end(address, device):
    workers = []

    def execute(make, tasks):
        workers.append(make())
        yield from map(workers[-1], tasks)

    yield execute
    for worker in workers:
        worker.close()


@contextmanager
def swallows_errors(address, device):
    with in_turn(address, device) as execute:
        try:
            yield execute
        except Exception:
            return


HEALTHY_EXECUTORS = ("in_turn", "latest_first")
EXECUTORS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "no_context": Broken(("opens",), r"a context manager\n  found:    function", {}),
    "nothing_inside": Broken(("opens",), r"from its context\n  found:    NoneType", {}),
    "forgets_one": Broken(("each-once",), r"\(0, 0\), .*\n  found:    \[\(1, 2\)", {}),
    "doubles": Broken(("each-once",), r"each once, .*\n  found: .*\(6, 12\), \(0, 0\)", {}),
    "loses_all": Broken(("each-once",), r"no task lost\n  found:    0 is: the machine is gone", {}),
    "one_worker_for_all": Broken(("another-make",), r"\(6, 18\)\]\n  found:  .*\(6, 12\)\]", {}),
    "takes_all_at_once": Broken(("as-needed",), r"10000 taken at once", {}),
    "swallows_tasks": Broken(("raises",), r"DataError: this task.*\n  found:    no error, and \[", {}),
    "loses_what_raises": Broken(("raises",), r"no error, and .*Lost\(task=3", {}),
    "leaves_workers": Broken(("closed", "closed-after-error"), r"found:    1 left", {}),
    "closes_only_at_the_end": Broken(("closed-after-error",), r"found:    1 left", {}),
    "swallows_errors": Broken(("closed-after-error",), r"none: it is swallowed", {}),
}


def executor(name: str) -> Executor:
    """The spec of one of the zoo."""
    return Executor(name=name, at=f"zoo_executors:{name}")
