"""Processes that tests look at or for, by what Linux knows of them, and what Ray's are told."""

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = (Path(__file__).parents[1], Path(__file__).parents[2], Path(__file__).parents[3])
STORE = 80 << 20  # bytes of shared memory of a node
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([*map(str, PLACES), os.environ.get("PYTHONPATH", "")]),
}
ACTOR = "ray::Actor"  # what Ray calls the process of a worker
ADOPT = 36  # PR_SET_CHILD_SUBREAPER, of linux/prctl.h


def ancestors(process: int) -> set[int]:
    numbers: set[int] = set()
    while process > 1 and process not in numbers:
        numbers.add(process)
        status = Path(f"/proc/{process}/stat").read_text()
        process = int(status.rpartition(")")[2].split()[1])
    return numbers


def below(besides: Iterable[int] = ()) -> dict[int, str]:
    """What runs below this process, by its number: how it was started; but some, and all below these."""
    running = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            of = ancestors(int(path.name))
            ended = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            command = (path / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just gone
            continue
        if os.getpid() in of - {int(path.name)} and not ended and not of.intersection(besides):
            running[int(path.name)] = command
    return running


@contextmanager
def orphans_stay_below() -> Iterator[None]:
    """What a process of ours has started and left behind is found `below` us, not below init."""
    system = ctypes.CDLL(None)
    system.prctl(ADOPT, 1, 0, 0, 0)
    try:
        yield
    finally:
        system.prctl(ADOPT, 0, 0, 0, 0)
