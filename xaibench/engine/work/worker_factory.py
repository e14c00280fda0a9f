"""How to make the worker of a block: in this process, or in one that knows nothing of it yet."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from xaibench.engine.device.devices import device_of
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import Config, make_config
from xaibench.engine.plan.plan import plan
from xaibench.engine.work.block_worker import BlockWorker
from xaibench.engine.work.cells import RequestedCells
from xaibench.engine.work.evaluator import Evaluator
from xaibench.engine.work.map_store import MapStore
from xaibench.engine.work.messages import OpenedBlock, Opening, ShardTask, WorkerReport
from xaibench.engine.work.observer import Observer


@dataclass(frozen=True, eq=False)
class LocalWorkerFactory:
    """Makes a worker in this process; each one is another's equal only if it is the same."""

    work: BlockWorker

    def __call__(self) -> BlockWorker:
        """The worker, with what this process has: its observer, its shelf, its folder."""
        return self.work


@dataclass(frozen=True)
class WorkerFactory:
    """Makes a worker wherever xaibench and the same plugins are installed.

    Args:
        config: the settings, as TOML.
        block: the number of the block in their plan.
        run: the name of the run.
        place: the folder that relative paths in the settings start from.
    """

    config: str
    block: int
    run: str
    place: str

    def __call__(self) -> "ReportingWorker":
        """The worker; the process is its own: it goes to `place`, if there is one here.

        Raises:
            ConfigError, UnknownName, PluginError: the settings cannot be carried out here.
        """
        if Path(self.place).is_dir():
            os.chdir(self.place)
        config: Config = make_config(msgspec.toml.decode(self.config))
        todo = plan(config, installed(config.strict))
        noting = NoteCollector()
        worker = Evaluator(config, device_of(config.device), None, noting)
        wanted = RequestedCells.every(todo.explainers, todo.metrics)
        work = BlockWorker(todo.blocks[self.block], wanted, worker, self.run)
        return ReportingWorker(work, noting)


class NoteCollector(Observer):
    """Keeps what the user should know."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)

    def take(self) -> list[str]:
        """What was noted since this was last asked."""
        notes, self.notes = self.notes, []
        return notes


@dataclass
class ReportingWorker:
    """A worker that says with each task what it has noted and what that has cost.

    Args:
        work: the worker; its tally is its own.
        noting: its observer.
    """

    work: BlockWorker
    noting: NoteCollector

    def __call__(self, task: Opening | ShardTask, following: ShardTask | None = None) -> WorkerReport:
        """What comes of a task."""
        with self.at_hand(task.maps if isinstance(task, ShardTask) else {}):
            answer = self.work(task, following)
        if isinstance(answer, OpenedBlock):
            answer = replace(answer, examples=None)
        return WorkerReport(answer, self.noting.take(), self.work.worker.tally.take())

    @contextmanager
    def at_hand(self, maps: Mapping[str, bytes]) -> Iterator[None]:
        """Kept maps that came with a task are files while it is worked on, and no longer."""
        if not maps:
            yield
            return
        stores, block = self.work.worker.stores, self.work.provenance.block
        with TemporaryDirectory(prefix="xaibench-maps-", ignore_cleanup_errors=True) as folder:
            for name, content in maps.items():
                (Path(folder) / name).write_bytes(content)
            stores[block] = MapStore.open(Path(folder), block)
            try:
                yield
            finally:
                stores[block] = MapStore(Path(), block)

    def close(self) -> None:
        """Let go of everything."""
        self.work.close()
