"""What passes between the engine and its workers, also between processes: all of it can be pickled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xaibench.api.batch import Example
from xaibench.engine.work.cells import Pair, RequestedCells
from xaibench.engine.work.observer import Tally
from xaibench.engine.work.rows import Provenance
from xaibench.results.folder import PresentImages
from xaibench.results.kept import GalleryImage
from xaibench.results.rows import SHARED_PASS, Row

SHARED: Pair = (SHARED_PASS, "")


@dataclass(frozen=True)
class Opening:
    """The first task of a block: load it, and say what it is.

    Args:
        measure: its pass width, too, which takes a while.
    """

    measure: bool = False


@dataclass(frozen=True)
class OpenedBlock:
    """A block that was loaded, or could not be.

    Args:
        provenance: what all its rows have in common.
        width: images a pass of the stream; 0 where it was not measured.
        sha: what it was loaded as; workers that find another one must not work together.
        examples: of the block; None where they were read in another process.
        problem: status and reason; empty where it was loaded.
        why_uncompiled: why its network is not compiled, where it was to be.
    """

    provenance: Provenance
    width: int = 0
    sha: str = ""
    examples: Sequence[Example] | None = None
    problem: tuple[str, str] | tuple[()] = ()
    why_uncompiled: str = ""


@dataclass(frozen=True)
class ShardTask:
    """Some images of a block.

    Args:
        images: which, in the order of the data set.
        present: what of them is there already.
        shown: the images whose maps the gallery shows.
        width: images a pass of the stream, the same for all workers; 0: nobody has measured it, as
            nothing seemed to be lacking.
        sha: what the block must be loaded as.
        maps: kept maps of these images, for a worker that sees no folder: files by name.
    """

    images: range
    present: PresentImages
    shown: frozenset[str]
    width: int
    sha: str
    maps: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class ShardResult:
    """Rows, and the maps to be kept beside them.

    Args:
        rows: of some images.
        shown: for the gallery, by file name.
        maps: at their own resolution, files by name.
    """

    rows: list[Row] = field(default_factory=list)
    shown: dict[str, GalleryImage] = field(default_factory=dict)
    maps: dict[str, bytes] = field(default_factory=dict)

    def add(self, other: "ShardResult") -> None:
        """All of another one's, too."""
        self.rows += other.rows
        self.shown |= other.shown
        self.maps |= other.maps


@dataclass(frozen=True)
class Piece:
    """What images that lacked the same have come to: one file of rows.

    Args:
        key: of the file.
        images: how many.
    """

    key: str
    images: int
    result: ShardResult


@dataclass
class TaskResult:
    """What a task has come to.

    Args:
        changed: images of which the rows that are there mean something else by now.
        hashes: of the images' content, by their ids.
        resumed: how many images lacked nothing.
    """

    changed: list[str]
    hashes: dict[str, str]
    resumed: int = 0
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True)
class WorkerReport:
    """What a worker of another process says: what came of a task, what it cost, notes."""

    answer: OpenedBlock | TaskResult
    notes: Sequence[str]
    tally: Tally


def cells_of(wanted: RequestedCells, provenance: Provenance) -> dict[Pair, str]:
    """The content key of every cell of a block, and that of its shared pass."""
    explainers = {spec.name: spec for spec in wanted.explainers}
    metrics = {spec.name: spec for spec in wanted.metrics}
    cells = {
        (explainer, metric): provenance.cell(explainers[explainer], metrics[metric])
        for explainer, metric in wanted.pairs
    }
    return cells | {SHARED: provenance.shared_cell}
