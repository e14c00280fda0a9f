"""One model on one data set, task by task: what is there already is not done again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from xaibench.api.batch import Example
from xaibench.api.errors import ConfigError, DataError, PluginError, Stopped
from xaibench.api.executing import Execute, Lost, MakeWork
from xaibench.engine.images.pictures import Picture, images_of_examples
from xaibench.engine.images.prefetch import ResizedImageCache
from xaibench.engine.plan.config import Config
from xaibench.engine.plan.part import WHOLE, Part
from xaibench.engine.plan.plan import Block, Plan
from xaibench.engine.plan.selection import Subset, merged, subset_of, written
from xaibench.engine.work.block_worker import BlockWorker, asked_sha
from xaibench.engine.work.cells import Pair, RequestedCells
from xaibench.engine.work.evaluator import Evaluator
from xaibench.engine.work.map_store import MapStore, put_aside
from xaibench.engine.work.messages import (
    SHARED,
    OpenedBlock,
    Opening,
    Piece,
    ShardResult,
    ShardTask,
    TaskResult,
    WorkerReport,
    cells_of,
)
from xaibench.engine.work.observer import Observer, Tally
from xaibench.engine.work.rows import Provenance
from xaibench.engine.work.worker_factory import LocalWorkerFactory, WorkerFactory
from xaibench.results.folder import NOTHING_PRESENT, PresentImages, RunFolder
from xaibench.results.keys import content_key


@dataclass(frozen=True)
class BlockRun:
    """Has the blocks of a plan worked on, and writes their rows; nobody else writes.

    Args:
        plan: what is to be done.
        config: the settings.
        folder: where the rows go, and where some may be already.
        execute: has tasks done.
        worker: makes rows in this process; None where others do.
        part: which shards are done here.
    """

    plan: Plan
    config: Config
    folder: RunFolder
    execute: Execute
    worker: Evaluator | None
    part: Part = WHOLE
    observer: Observer = field(default_factory=Observer)
    tally: Tally = field(default_factory=Tally)
    shelf: ResizedImageCache = field(default_factory=ResizedImageCache)
    subsets: dict[str, Subset] = field(default_factory=dict)

    @property
    def wanted(self) -> RequestedCells:
        """All metrics of all explainers."""
        return RequestedCells.every(self.plan.explainers, self.plan.metrics)

    def work(self, block: Block) -> None:
        """All of one block; what cannot be loaded becomes rows, and the other blocks still run.

        Raises:
            Stopped: the observer asked for it.
            ConfigError: the folder cannot be written to, or what it has compiled cannot be compiled now.
            DataError, PluginError: workers elsewhere have other data, weights or plugins.
        """
        observer = self.observer
        title = f"{block.model.name} on {block.data_name}"
        observer.block(title, 0)
        for error in self.folder.put_aside(f"{block.model.name}--{block.data_name}"):
            observer.note(f"{error}; it is put aside, and what it held is made again")
        for error in put_aside(self.folder.native, f"{block.model.name}--{block.data_name}"):
            observer.note(f"{error}; it is put aside")
        make = self.make(block)
        opened = self.opened(block, make)
        name = opened.provenance.block
        if opened.problem:
            return self.give_up(opened.provenance, *opened.problem)
        self.refuse_uncompiled(opened)
        cells = cells_of(self.wanted, opened.provenance)
        examples = opened.examples if opened.examples is not None else block.examples()
        refuse_other(opened, cells, examples)
        images = images_of_examples(examples)
        present = self.present(name, examples, cells)
        shards = self.part.shards(len(images), self.config.images_per_shard)
        if not opened.width and lacking(shards, images, present, cells):
            measured = self.opened(block, make, measure=True)
            if measured.problem:
                return self.give_up(measured.provenance, *measured.problem)
            opened = replace(opened, width=measured.width)
        observer.block(title, sum(map(len, shards)))
        hashes = dict[str, str]()
        for result in self.execute(make, self.tasks(shards, images, opened, present)):
            self.write(self.heard(result), images, opened.provenance, present, hashes)
            if observer.stopping():
                raise Stopped("stopped")
        examples_of_part = [example for shard in shards for i in shard for example in images[i]]
        self.keep_subset(block, examples_of_part, hashes)

    def opened(self, block: Block, make: MakeWork, measure: bool = False) -> OpenedBlock:
        """What the first worker says of the block; of its pass width where it is to `measure` that."""
        (answer,) = map(self.heard, self.execute(make, [Opening(measure)]))
        if isinstance(answer, Lost):
            names = self.folder.path.name, block.model.name, block.data_name
            config = self.config
            modes = {"dtype": config.dtype, "mode": config.mode}
            nowhere = Provenance(*names, config.device, config.seed, **modes)
            return OpenedBlock(nowhere, problem=("failed", answer.reason))
        if not isinstance(answer, OpenedBlock):
            raise PluginError(f"executor {self.config.executor!r} gave back {type(answer).__name__}")
        return answer

    def give_up(self, provenance: Provenance, status: str, reason: str) -> None:
        """Rows that say why a block cannot be worked on; what is there of its images stays."""
        self.observer.note(f"{provenance.model} on {provenance.dataset}: {status}: {reason}")
        self.folder.prune(provenance.block, nowhere)
        rows = provenance.nowhere(self.wanted, status, reason)
        self.folder.write(provenance.block, status, rows)
        self.observer.failed(sum(row.status == "failed" for row in rows))

    def refuse_uncompiled(self, opened: OpenedBlock) -> None:
        """Rows of the compiled network are not given up because it cannot be compiled today.

        Raises:
            ConfigError: they would be.
        """
        name, mode = opened.provenance.block, self.config.mode
        if opened.provenance.mode != mode and mode in self.folder.modes(name):
            raise ConfigError(
                f"{name} cannot be compiled now: {opened.why_uncompiled}; {self.folder.path} has rows "
                "of it compiled, which would be lost: mend the compiler, or choose another --output"
            )

    def make(self, block: Block) -> MakeWork:
        """How to make the block's worker: in this process, or from its recipe."""
        number = self.plan.blocks.index(block)
        if self.worker is None:
            return WorkerFactory(self.config.toml(), number, self.folder.path.name, str(Path.cwd()))
        data = block.data_name, block.root
        keep = any((b.data_name, b.root) == data for b in self.plan.blocks[number + 1 :])
        run = self.folder.path.name
        return LocalWorkerFactory(BlockWorker(block, self.wanted, self.worker, run, self.shelf, keep))

    def tasks(
        self,
        shards: Sequence[range],
        images: Sequence[tuple[Example, ...]],
        opened: OpenedBlock,
        present: PresentImages,
    ) -> Iterator[ShardTask]:
        """A task a shard; made when it is asked for."""
        shown = frozenset(same[0].id for same in images[: self.config.gallery])
        store = None
        if self.worker is None:  # others see no folder: kept maps go with the tasks
            store = MapStore.open(self.folder.native, opened.provenance.block)
        for shard in shards:
            ids = frozenset(images[i][0].id for i in shard)
            present_images = {image: present[image] for image in ids if image in present}
            maps = store.files_of(ids) if store else {}
            yield ShardTask(shard, present_images, ids & shown, opened.width, opened.sha, maps)

    def heard(self, answer: object) -> object:
        """What came of a task; what a worker elsewhere says besides is passed on."""
        if not isinstance(answer, WorkerReport):
            return answer
        for note in answer.notes:
            self.observer.note(note)
        self.observer.passed(sum(answer.tally.forwards.values()))
        self.tally.add(answer.tally)
        return answer.answer

    def write(
        self,
        answer: object,
        images: Sequence[tuple[Example, ...]],
        provenance: Provenance,
        present: PresentImages,
        hashes: dict[str, str],
    ) -> None:
        """Write what came of a task: maps first, so that no row is there without its map."""
        name = provenance.block
        done = self.lost(answer, images, provenance, present) if isinstance(answer, Lost) else answer
        if not isinstance(done, TaskResult):
            raise PluginError(f"executor {self.config.executor!r} gave back {type(done).__name__}")
        hashes |= done.hashes
        if done.changed:
            changed = done.changed
            self.folder.prune(name, lambda rows: rows["image"].isin(changed))
        if done.resumed:
            self.observer.done(done.resumed, resumed=True)
        for piece in done.pieces:
            with self.tally.timed("write"):
                self.folder.write_maps(piece.result.shown, piece.result.maps)
                self.folder.write(name, piece.key, piece.result.rows)
            self.observer.failed(sum(row.status == "failed" for row in piece.result.rows))
            self.observer.done(piece.images, resumed=False)

    def present(self, name: str, examples: Sequence[Example], cells: dict[Pair, str]) -> PresentImages:
        """What of a block is there and still means the same; the rest of it is removed.

        Other weights, another version of a method, images that are not asked for any more, and what has
        failed, which is tried again: for all classes of its image, as a cell is there for all or none.
        """
        chosen = {example.id for example in examples}

        def stale(rows: pd.DataFrame) -> "pd.Series[bool]":
            pairs = zip(rows["explainer"], rows["metric"], rows["cell"], strict=True)
            other = [cells.get((explainer, metric), cell) != cell for explainer, metric, cell in pairs]
            failed = (rows["status"] == "failed").groupby([rows["image"], rows["cell"]]).transform("any")
            gone = nowhere(rows) | ~rows["image"].isin(chosen) | failed
            removed: pd.Series[bool] = gone | pd.Series(other, index=rows.index, dtype=bool)
            return removed

        self.folder.prune(name, stale)
        return self.folder.present(name)

    def lost(
        self,
        lost: Lost,
        images: Sequence[tuple[Example, ...]],
        provenance: Provenance,
        present: PresentImages,
    ) -> TaskResult:
        """Rows that say of a task's images that nobody could work on them; another run tries again."""
        cells, done = cells_of(self.wanted, provenance), TaskResult([], {})
        for i in lost.task.images:
            name = images[i][0].id
            present_image = present.get(name, NOTHING_PRESENT)
            pairs = frozenset(
                pair for pair, cell in cells.items() if cell not in present_image.cells
            ) - {SHARED}
            picture = Picture(name, "", None, (0, 0), images[i])
            rows = provenance.lost(self.wanted.only(pairs, False), picture, lost.reason)
            key = content_key("lost", name, sorted(cells[pair] for pair in pairs))
            done.hashes[name] = present_image.image_sha
            done.pieces.append(Piece(key, 1, ShardResult(rows)))
        self.observer.note(f"{provenance.block}: {len(lost.task.images)} images lost: {lost.reason}")
        return done

    def keep_subset(self, block: Block, examples: Sequence[Example], hashes: dict[str, str]) -> None:
        """Write which images of the data set were run, by this model or an earlier one."""
        ours = subset_of(block.data_name, examples, hashes | block.choice.hashes, str(block.choice))
        self.subsets[ours.data] = merged(self.subsets.get(ours.data, ours), ours)
        self.folder.write_subset(ours.data, written(self.subsets[ours.data]))


def refuse_other(opened: OpenedBlock, cells: dict[Pair, str], examples: Sequence[Example]) -> None:
    """The worker that opened a block must mean the same by it.

    Raises:
        DataError: it has other versions of plugins, or other images.
    """
    if opened.sha != content_key(sorted(cells.values()), asked_sha(examples)):
        raise DataError(
            f"{opened.provenance.block}: the worker has other versions of plugins, or other images "
            "than this process; install the same there"
        )


def lacking(
    shards: Sequence[range],
    images: Sequence[tuple[Example, ...]],
    present: PresentImages,
    cells: dict[Pair, str],
) -> bool:
    """Whether some image of the shards lacks a cell."""
    names = (images[i][0].id for shard in shards for i in shard)
    return not all(present.get(name, NOTHING_PRESENT).cells.issuperset(cells.values()) for name in names)


def nowhere(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are of a block that could not be worked on at all."""
    of_block: pd.Series[bool] = rows["image"] == ""
    return of_block
