"""One model on one data set, shard by shard: what is there already is not done again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from xaibench.api.batch import Example, Preprocess
from xaibench.api.errors import Stopped
from xaibench.engine.keys import content_key
from xaibench.engine.label_spaces import refuse_other_classes
from xaibench.engine.loading import Shelf, ahead
from xaibench.engine.outcome import status_of
from xaibench.engine.plan import Block, Plan
from xaibench.engine.record import Provenance
from xaibench.engine.shared import Loaded
from xaibench.engine.subset import Subset, merged, subset_of, written
from xaibench.engine.trials import Picture, group
from xaibench.engine.wanted import Pair, Wanted
from xaibench.engine.worker import Worker
from xaibench.results.folder import Present, RunFolder
from xaibench.results.rows import SHARED_PASS


@dataclass(frozen=True)
class Part:
    """One of `count` equal parts of every block, counted from 0: for schedulers that start many runs."""

    number: int = 0
    count: int = 1

    def of(self, shards: Sequence[Sequence[tuple[Example, ...]]]) -> list[Sequence[tuple[Example, ...]]]:
        """Every count-th shard."""
        return list(shards[self.number :: self.count])


WHOLE = Part()


@dataclass(frozen=True)
class Blocks:
    """Works on the blocks of a plan and writes their rows.

    Args:
        plan: what is to be done.
        folder: where the rows go, and where some may be already.
        worker: makes them.
        part: which shards are done here.
    """

    plan: Plan
    folder: RunFolder
    worker: Worker
    part: Part = WHOLE
    shelf: Shelf = field(default_factory=Shelf)
    subsets: dict[str, Subset] = field(default_factory=dict)

    def work(self, block: Block) -> None:
        """All of one block; what cannot be loaded becomes rows, and the other blocks still run.

        Raises:
            Stopped: the observer asked for it.
            ConfigError: the folder cannot be written to.
        """
        observer, tally, config = self.worker.observer, self.worker.tally, self.worker.config
        title = f"{block.model.name} on {block.data_name}"
        observer.block(title, 0)
        provenance = Provenance(
            self.folder.path.name,
            block.model.name,
            block.data_name,
            str(self.worker.device),
            config.seed,
            dtype=config.dtype,
            mode=config.mode,
        )
        wanted = Wanted.every(self.plan.explainers, self.plan.metrics)
        for error in self.folder.put_aside(provenance.block):
            observer.note(f"{error}; it is put aside, and what it held is made again")
        try:
            refuse_other_classes(block)
            with tally.timed("load"):
                loaded = self.worker.load(block, provenance)
        except Exception as error:  # a plugin's, or the machine's
            status, reason = status_of(error)
            observer.note(f"{title}: {status}: {reason}")
            self.folder.prune(provenance.block, nowhere)
            rows = provenance.nowhere(wanted, status, reason)
            self.folder.write(provenance.block, status, rows)
            observer.failed(sum(row.status == "failed" for row in rows))
            return
        images = group(loaded.examples)
        cells = cells_of(wanted, loaded.provenance)
        present = self.present(loaded, cells)
        size = config.shard
        shards = self.part.of([images[first : first + size] for first in range(0, len(images), size)])
        observer.block(title, sum(map(len, shards)))
        shown = frozenset(same[0].id for same in images[: config.gallery])
        hashes = dict[str, str]()
        for pictures in self.pictures(block, shards, loaded.preprocess):
            hashes |= {picture.id: picture.sha for picture in pictures}
            self.shard(pictures, loaded, wanted, cells, present, shown)
            if observer.stopping():
                raise Stopped("stopped")
        self.keep_subset(block, [e for some in shards for same in some for e in same], hashes)

    def present(self, loaded: Loaded, cells: dict[Pair, str]) -> Present:
        """What of a block is there and still means the same; the rest of it is removed.

        Other weights, another version of a method, images that are not asked for any more, and what has
        failed, which is tried again.
        """
        name = loaded.provenance.block
        chosen = {example.id for example in loaded.examples}

        def stale(rows: pd.DataFrame) -> "pd.Series[bool]":
            pairs = zip(rows["explainer"], rows["metric"], rows["cell"], strict=True)
            other = [cells.get((explainer, metric), cell) != cell for explainer, metric, cell in pairs]
            gone = ~rows["image"].isin(chosen) | (rows["status"] == "failed")
            found: pd.Series[bool] = (
                nowhere(rows) | gone | pd.Series(other, index=rows.index, dtype=bool)
            )
            return found

        self.folder.prune(name, stale)
        return self.folder.present(name)

    def pictures(
        self, block: Block, parts: Sequence[Sequence[tuple[Example, ...]]], preprocess: Preprocess
    ) -> Iterator[list[Picture]]:
        """The pictures of each shard; the time counted is what the device waits for them."""
        data = block.data_name, block.root
        after = list(self.plan.blocks)[self.plan.blocks.index(block) + 1 :]
        shared = any((later.data_name, later.root) == data for later in after)
        hashes = block.choice.hashes

        def make(same: tuple[Example, ...]) -> Picture:
            return self.shelf.decode(data, same, preprocess, hashes.get(same[0].id), keep=shared)

        coming = ahead(parts, make)
        for _ in parts:
            self.worker.observer.stage("decoding")
            with self.worker.tally.timed("decode"):
                pictures = next(coming)
            yield pictures
            del pictures  # before the next are asked for
        if not shared:
            self.shelf.forget(data)

    def shard(
        self,
        pictures: Sequence[Picture],
        loaded: Loaded,
        wanted: Wanted,
        cells: dict[Pair, str],
        present: Present,
        shown: frozenset[str],
    ) -> None:
        """What some images lack; images that lack the same are worked on together."""
        name, observer = loaded.provenance.block, self.worker.observer
        changed = [p.id for p in pictures if p.id in present and present[p.id][0] != p.inputs_sha]
        if changed:
            self.folder.prune(name, lambda rows: rows["image"].isin(changed))
        lacking: dict[frozenset[Pair], list[Picture]] = {}
        for picture in pictures:
            there = (
                frozenset() if picture.id in changed else present.get(picture.id, ("", frozenset()))[1]
            )
            missing = frozenset(pair for pair, cell in cells.items() if cell not in there)
            lacking.setdefault(missing, []).append(picture)
        finished = lacking.pop(frozenset(), [])
        if finished:
            observer.done(len(finished), resumed=True)
        for missing, some in lacking.items():
            pairs = missing - {SHARED}
            rows = self.worker.rows(some, loaded, wanted.only(pairs, SHARED in missing), shown)
            key = content_key(
                sorted(cells[pair] for pair in missing), [(p.id, p.inputs_sha) for p in some]
            )
            with self.worker.tally.timed("write"):
                self.folder.write(name, key, rows)
            observer.failed(sum(row.status == "failed" for row in rows))
            observer.done(len(some), resumed=False)

    def keep_subset(self, block: Block, examples: Sequence[Example], hashes: dict[str, str]) -> None:
        """Write which images of the data set were run, by this model or an earlier one."""
        ours = subset_of(block.data_name, examples, hashes | block.choice.hashes, str(block.choice))
        self.subsets[ours.data] = merged(self.subsets.get(ours.data, ours), ours)
        self.folder.write_subset(ours.data, written(self.subsets[ours.data]))


SHARED: Pair = (SHARED_PASS, "")


def cells_of(wanted: Wanted, provenance: Provenance) -> dict[Pair, str]:
    """The content key of every cell of a block, and that of its shared pass."""
    explainers = {spec.name: spec for spec in wanted.explainers}
    metrics = {spec.name: spec for spec in wanted.metrics}
    cells = {
        (explainer, metric): provenance.cell(explainers[explainer], metrics[metric])
        for explainer, metric in wanted.pairs
    }
    return cells | {SHARED: provenance.shared_cell}


def nowhere(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are of a block that could not be worked on at all."""
    found: pd.Series[bool] = rows["image"] == ""
    return found
