"""What methods ask of the stream, cut into parts that fill its passes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.errors import PluginError
from xaibench.api.types import Curves, Images, Indices, Logits, Targets
from xaibench.api.variants import Score, Variants
from xaibench.engine.device.time_limit import time_limit

Numbers = NDArray[np.int64]  # on the host
Key = tuple[str, str, str, str, int]  # of a curve: owner, name and kind of score, image, target


@dataclass
class Request:
    """What one method is asking for now: cells to score, and the curve they fill.

    What passes are planned by stands on the host, and what they index the curve by was sent to the
    device before the first of them: none waits for it.

    Args:
        rows, k: (n,) each: cell i is variant k[i] of image rows[i].
        counts: how many variants each image has.
        known: (row, k, name) of cells that another method, or the shared pass, has scored.
        keys: of each row's curve, where its variants have a name.
        borrowed: rows whose curves another method of the same owner asks for.
        followers: of a row, those that ask about another class of the same variants.
        sent: `k` on the device.
    """

    task: int
    batch: Batch
    variants: Variants
    rows: Numbers
    k: Numbers
    counts: list[int]
    known: list[tuple[int, int, str]]
    curve: Curves
    keys: list[Key]
    borrowed: list[int]
    followers: dict[int, list[int]]
    failed: Exception | None = None
    built: "tuple[int, Images] | None" = None  # built already, from this cell on
    sent: Indices = field(init=False)

    def __post_init__(self) -> None:
        self.ask(self.rows, self.k)

    def ask(self, rows: Numbers, k: Numbers) -> None:
        """Ask for these cells now."""
        self.rows, self.k = rows, k
        self.sent = send(k, self.curve.device)

    @property
    def bytes_of_one(self) -> int:
        """Of a variant."""
        images = self.batch.images
        return int(images[0].numel()) * images.element_size()


@dataclass(frozen=True)
class PassShare:
    """Cells of one image that go into one pass.

    Args:
        end: of the image's cells; the passes to come will ask for those up to there.
    """

    request: Request
    cells: slice
    end: int

    @property
    def row(self) -> int:
        """The image's."""
        return int(self.request.rows[self.cells.start])

    def __len__(self) -> int:
        return len(range(self.cells.start, self.cells.stop))

    def at_once(self, room: int) -> int:
        """How many variants to build: its own, and of those to come as many as `room` bytes hold."""
        left: int = self.end - self.cells.start
        return min(left, max(len(self), room // self.request.bytes_of_one))

    def split(self, size: int) -> "list[PassShare]":
        """In parts of at most `size` cells."""
        start, stop = self.cells.start, self.cells.stop
        return [
            replace(self, cells=slice(first, min(first + size, stop)))
            for first in range(start, stop, size)
        ]


def send(numbers: Numbers | Sequence[int], device: torch.device) -> Indices:
    """On the device; from pinned memory, beside its work, where it is a GPU."""
    tensor = torch.tensor(numbers, dtype=torch.long)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def followers_of(batch: Batch, counts: Sequence[int], rows: Sequence[int]) -> dict[int, list[int]]:
    """Of `rows`, those of an image after its first, by that one."""
    leaders: dict[tuple[str, int], int] = {}
    followers: dict[int, list[int]] = {}
    for row in rows:
        leader = leaders.setdefault((batch.ids[row], counts[row]), row)
        if leader != row:
            followers.setdefault(leader, []).append(row)
    return followers


def passes(requests: list[Request], width: Callable[[], int]) -> Iterator[list[PassShare]]:
    """Cut all the requests' cells, one after another, into passes; only the last is not full.

    Args:
        requests: what is asked.
        width: says before each pass how many images it takes.
    """
    parts: list[PassShare] = []
    room = width()
    for request in requests:
        starts = np.flatnonzero(np.diff(request.rows, prepend=-1))
        for first, end in pairwise([*starts.tolist(), len(request.rows)]):
            while first < end:
                last = min(first + room, end)
                parts.append(PassShare(request, slice(first, last), end))
                room -= last - first
                first = last
                if room == 0:
                    yield parts
                    parts, room = [], width()
    if parts:
        yield parts


def build(part: PassShare, count: int, timeout: float) -> Images:
    """The variants of some cells of one image, made along with others for the passes that follow.

    Args:
        part: the cells.
        count: how many of the image's to build at once, where they are not there yet.
        timeout: seconds that it may take; 0: any.

    Raises:
        PluginError: they are not of the images' shape.
    """
    request, cells = part.request, part.cells
    first, images = request.built or (0, None)
    if images is None or not first <= cells.start < cells.stop <= first + len(images):
        request.built, images = None, None  # before more is made: memory may be short
        first = cells.start
        k = request.sent[first : first + count]
        with time_limit(timeout):
            images = request.variants.build(part.row, k)
        shape = (len(k), *request.batch.images.shape[1:])
        if tuple(images.shape) != shape:
            raise PluginError(f"build() returned {tuple(images.shape)}; expected {shape}")
    request.built = (first, images) if cells.stop < part.end else None
    return images[cells.start - first : cells.stop - first]


def target_scores(logits: Logits, score: Score, targets: Targets) -> Tensor:
    """What is wanted about the target class of each, by its logits."""
    wanted = targets[:, None]
    if score == "correct":
        return (logits.argmax(1, keepdim=True) == wanted).squeeze(1)
    scores = logits if score == "logit" else logits.softmax(1)
    return scores.gather(1, wanted).squeeze(1)
