"""Tasks of one block, from pictures to rows, in whatever process that is. It writes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from xaibench.api.batch import Example
from xaibench.api.errors import DataError, PluginError
from xaibench.engine.evaluate.outcome import status_of
from xaibench.engine.images.pictures import Picture, images_of_examples, unchanged_picture
from xaibench.engine.images.prefetch import Prefetcher, ResizedImageCache, sent_to_device
from xaibench.engine.network.modes import deterministic
from xaibench.engine.plan.label_spaces import asked_of, refuse_other_classes
from xaibench.engine.plan.plan import Block
from xaibench.engine.work.cells import Pair, RequestedCells
from xaibench.engine.work.evaluator import Evaluator
from xaibench.engine.work.messages import (
    SHARED,
    OpenedBlock,
    Opening,
    Piece,
    ShardTask,
    TaskResult,
    cells_of,
)
from xaibench.engine.work.rows import Provenance
from xaibench.engine.work.shared_pass import Loaded
from xaibench.results.folder import NOTHING_PRESENT, PresentImage
from xaibench.results.keys import content_key

Known = tuple[int, PresentImage]  # the number of an image, and what is there of it


@dataclass
class BlockWorker:
    """Does the tasks of a block; a `xaibench.api.executing.Work`.

    Args:
        block: what to load.
        wanted: which metrics of which explainers.
        worker: makes the rows.
        run: the name of the run, which all rows carry.
        shelf: where resized images may lie already.
        keep: whether another model is going to look at them.
    """

    block: Block
    wanted: RequestedCells
    worker: Evaluator
    run: str
    shelf: ResizedImageCache = field(default_factory=ResizedImageCache)
    keep: bool = False
    loaded: Loaded = field(init=False, repr=False)

    def __call__(
        self, task: Opening | ShardTask, following: ShardTask | None = None
    ) -> OpenedBlock | TaskResult:
        """What comes of a task; the pictures of the `following` one are decoded meanwhile.

        Raises:
            PluginError: it cannot load what another worker could.
            DataError: it is not the same.
        """
        with deterministic(self.worker.config.deterministic):
            return self.did(task, following)

    def did(self, task: Opening | ShardTask, following: ShardTask | None) -> OpenedBlock | TaskResult:
        """What comes of a task, in the run's mode."""
        problem = self.load(isinstance(task, Opening) and task.measure)
        if isinstance(task, Opening):
            return (
                OpenedBlock(self.provenance, problem=problem) if problem else self.opened(task.measure)
            )
        if problem:
            raise PluginError(f"one of the workers cannot load what another could: {': '.join(problem)}")
        if task.sha != self.sha:
            raise DataError(
                f"{self.loaded.provenance.block}: workers disagree on what is run: their weights, "
                "images or versions of plugins differ; install the same everywhere"
            )
        if task.width:
            self.worker.widths[self.loaded.provenance.block] = task.width
        self.worker.observer.stage("decoding")
        with self.worker.tally.timed("decode"):  # what the device waits for
            pictures = self.ahead.take(
                self.known_images(task), self.known_images(following) if following else ()
            )
        return self.done(task, pictures)

    def load(self, measure: bool = False) -> tuple[str, str] | tuple[()]:
        """Load the block, unless it is, and `measure` it; why it cannot be, as status and reason."""
        try:
            with self.worker.tally.timed("load"):
                if "loaded" not in vars(self):
                    refuse_other_classes(self.block)
                    self.loaded = self.worker.load(self.block, self.provenance)
                if measure:
                    _ = self.loaded.width
        except Exception as error:  # a plugin's, or the machine's
            return status_of(error)
        return ()

    def opened(self, measure: bool) -> OpenedBlock:
        """What the block is, once it is loaded."""
        loaded, compiling = self.loaded, self.worker.config.compile
        return OpenedBlock(
            loaded.provenance,
            loaded.width if measure else self.worker.config.width or 0,
            self.sha,
            loaded.examples,
            why_uncompiled=loaded.network.why_uncompiled if compiling else "",
        )

    @property
    def provenance(self) -> Provenance:
        """What rows of the block have in common before it is loaded."""
        block, config = self.block, self.worker.config
        return Provenance(
            self.run,
            block.model.name,
            block.data_name,
            str(self.worker.device),
            config.seed,
            dtype=config.dtype,
            mode=config.mode,
        )

    @cached_property
    def cells(self) -> dict[Pair, str]:
        """The content key of every cell."""
        return cells_of(self.wanted, self.loaded.provenance)

    @cached_property
    def sha(self) -> str:
        """Of weights, versions, settings, and the images asked for."""
        return content_key(sorted(self.cells.values()), asked_sha(self.loaded.examples))

    @cached_property
    def images(self) -> list[tuple[Example, ...]]:
        """Every image's examples."""
        return images_of_examples(self.loaded.examples)

    def known_images(self, task: ShardTask) -> list[Known]:
        """The images of a task."""
        return [(i, task.present.get(self.images[i][0].id, NOTHING_PRESENT)) for i in task.images]

    @cached_property
    def ahead(self) -> Prefetcher[Known, Picture]:
        """Decodes."""
        return Prefetcher(self.decoder())

    def decoder(self) -> Callable[[Known], Picture]:
        """A function from an image to its picture: on its way to the device, or without its pixels.

        Without them where nobody is to see them.
        """
        images, preprocess, hashes = self.images, self.loaded.preprocess, self.block.choice.hashes
        cells = frozenset(self.cells.values())

        def make(known: Known) -> Picture:
            number, present = known
            same = images[number]
            sha = hashes.get(same[0].id)
            finished = (
                unchanged_picture(same, preprocess, sha, present) if cells <= present.cells else None
            )
            if finished:
                return finished
            picture = self.shelf.decode(self.data, same, preprocess, sha, keep=self.keep)
            if picture.pixels is None:
                return picture
            return replace(picture, pixels=sent_to_device(picture.pixels, self.worker.device))

        return make

    @property
    def data(self) -> tuple[str, object]:
        """Where the shelf has the block's images."""
        return self.block.data_name, self.block.root

    def done(self, task: ShardTask, pictures: Sequence[Picture]) -> TaskResult:
        """What some images lack; images that lack the same are worked on together."""
        present = {picture.id: task.present.get(picture.id, NOTHING_PRESENT) for picture in pictures}
        changed = [p.id for p in pictures if present[p.id].cells and self.other(p, present[p.id])]
        present |= dict.fromkeys(changed, NOTHING_PRESENT)
        self.tell_of_unreadable([p for p in pictures if p.error is not None and present[p.id].cells])
        done = TaskResult(changed, {p.id: p.sha or present[p.id].image_sha for p in pictures})
        lacking: dict[frozenset[Pair], list[Picture]] = {}
        for picture in pictures:
            has = present[picture.id].cells
            missing = frozenset(pair for pair, cell in self.cells.items() if cell not in has)
            lacking.setdefault(missing, []).append(picture)
        done.resumed = len(lacking.pop(frozenset(), []))
        for missing, some in lacking.items():
            wanted = self.wanted.only(missing - {SHARED}, SHARED in missing)
            result = self.worker.rows(some, self.loaded, wanted, task.shown)
            key = content_key(
                sorted(self.cells[pair] for pair in missing), [(p.id, p.inputs_sha) for p in some]
            )
            done.pieces.append(Piece(key, len(some), result))
        return done

    def other(self, picture: Picture, present: PresentImage) -> bool:
        """Whether what is there of an image means another one.

        Of one that cannot be read it does not, unless the subset says so: its disk may be back tomorrow.
        """
        if picture.error is None:
            return present.inputs_sha != picture.inputs_sha
        return self.block.choice.hashes.get(picture.id, present.image_sha) != present.image_sha

    def tell_of_unreadable(self, pictures: Sequence[Picture]) -> None:
        """Rows stay of images that cannot be read any more, and the user knows."""
        if pictures:
            self.worker.observer.note(
                f"{self.loaded.provenance.block}: {len(pictures)} images cannot be read now; the rows "
                f"that are there of them stay: {pictures[0].error}"
            )

    def close(self) -> None:
        """Let go of the model, and of images that nobody else is going to look at."""
        if "ahead" in vars(self):
            self.ahead.close()
        if not self.keep:
            self.shelf.forget(self.data)
        for name in ("ahead", "loaded", "images"):
            vars(self).pop(name, None)


def asked_sha(examples: Sequence[Example]) -> str:
    """Of the images and of every class that is asked of them."""
    return content_key([(example.id, *asked_of(example)) for example in examples])
