"""Pictures for the network before it asks: a shard ahead, and once for all models of one input size."""

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Barrier, Lock
from typing import Generic, TypeVar

import torch
from torch import Tensor

from xaibench.api.batch import Example, Preprocess
from xaibench.engine.images.pictures import Picture, ResizedImage, decode, open_image

THREADS = min(4, os.cpu_count() or 1)
ROOM = 256 << 20  # bytes of resized images that are kept for other models
SLAB = 33 << 20  # bytes; above what malloc may take from its heap, so that it goes back whole

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    shards: Sequence[Sequence[Item]], make: "Callable[[Item], Made]", threads: int = THREADS
) -> Iterator[list[Made]]:
    """What `make` makes of each shard's items, in order; the next shard's while one is worked on.

    No more than two shards are held here, whatever their number.
    """
    pool = Prefetcher(make, threads)
    try:
        for shard, following in zip(shards, [*shards[1:], ()], strict=bool(shards)):
            yield pool.take(shard, following)
    finally:
        pool.close()


class Prefetcher(Generic[Item, Made]):
    """What `make` makes of items, those of the next shard while one is worked on.

    Args:
        make: makes it, in several threads at once.
        threads: how many.
    """

    def __init__(self, make: "Callable[[Item], Made]", threads: int = THREADS) -> None:
        self.make = make
        self.pool = one_core_each(threads)
        self.expected: Sequence[Item] = ()
        self.coming: list[Future[Made]] = []

    def take(self, shard: Sequence[Item], following: Sequence[Item] = ()) -> list[Made]:
        """What is made of a shard; that of `following` is begun."""
        coming = self.coming if self.expected == shard else self.begin(shard)
        self.expected, self.coming = (), []
        present = [future.result() for future in coming]
        self.expected, self.coming = following, self.begin(following)
        return present

    def begin(self, shard: Sequence[Item]) -> "list[Future[Made]]":
        """Have a shard's items made."""
        return [self.pool.submit(self.make, item) for item in shard]

    def close(self) -> None:
        """Begin nothing more."""
        self.pool.shutdown(cancel_futures=True)


def one_core_each(count: int) -> ThreadPoolExecutor:
    """Threads whose tensor operations stay in them.

    Otherwise each has a team of threads to compute with, and where more of these are alive than there
    are cores, idle or not, OpenMP lets those of the network sleep between any two operations: passes of
    a small network take a tenth longer, of one image a half.
    """
    cores = torch.get_num_threads()
    here = Barrier(count + 1)

    def start() -> None:
        torch.get_num_threads()  # the thread takes the process's number, which it would do later
        torch.set_num_threads(1)
        here.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="decode", initializer=start)
    for _ in range(count):
        pool.submit(int)
    here.wait()
    torch.set_num_threads(cores)  # of the process, for threads to come
    return pool


@dataclass
class Slabs:
    """Large pieces of memory for what stays.

    Each in a piece of its own, between those that come and go, takes several times its size of the
    process: holes are left that nothing fits.
    """

    free: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.uint8))

    def hold(self, content: Tensor) -> Tensor:
        """A copy of a tensor of one byte an element."""
        if content.numel() > self.free.numel():
            self.free = torch.empty(max(SLAB, content.numel()), dtype=torch.uint8)
        place, self.free = self.free[: content.numel()], self.free[content.numel() :]
        return place.view(content.dtype).view(content.shape).copy_(content)

    def hold_seen(self, image: ResizedImage) -> ResizedImage:
        """A copy of an image and its masks."""
        regions = tuple(
            region if region.mask is None else replace(region, mask=self.hold(region.mask))
            for region in image.regions
        )
        return replace(image, resized=self.hold(image.resized), regions=regions)


@dataclass
class ResizedImageCache:
    """Images as they were resized, kept for the other models of a run.

    What comes first stays: runs go through a data set from its start, and of an order that repeats the
    latest would always be the first to go.

    Args:
        room: bytes.
    """

    room: int = ROOM
    kept: dict[Hashable, dict[Hashable, ResizedImage]] = field(default_factory=dict)
    slabs: dict[Hashable, Slabs] = field(default_factory=dict)
    used: int = 0
    lock: Lock = field(default_factory=Lock)

    def take(
        self, data: Hashable, image: Hashable, make: Callable[[], ResizedImage], keep: bool
    ) -> ResizedImage:
        """The image as it is here, or made now and, if so told, kept while there is room."""
        kept = self.kept.get(data, {}).get(image)
        if kept is not None:
            return kept
        resized = make()
        if not keep:
            return resized
        with self.lock:
            images = self.kept.setdefault(data, {})
            if image not in images and self.used + resized.bytes <= self.room:
                images[image] = self.slabs.setdefault(data, Slabs()).hold_seen(resized)
                self.used += resized.bytes
        return resized

    def forget(self, data: Hashable) -> None:
        """Make room: no other model is going to look at this data set."""
        with self.lock:
            self.slabs.pop(data, None)
            self.used -= sum(image.bytes for image in self.kept.pop(data, {}).values())

    def decode(
        self,
        data: Hashable,
        examples: tuple[Example, ...],
        preprocess: Preprocess,
        sha: str | None,
        keep: bool,
    ) -> Picture:
        """As `decode`, of an image that is here; else it is put here where it is to be kept."""
        # Mean and std are no part of it: they are applied to the pixels that are kept.
        sized = preprocess.size, preprocess.interpolation, preprocess.crop
        image = (examples[0].id, tuple(example.target for example in examples), *map(str, sized))

        def from_here(examples: tuple[Example, ...], preprocess: Preprocess) -> ResizedImage:
            return self.take(data, image, lambda: open_image(examples, preprocess), keep)

        return decode(examples, preprocess, sha, from_here)


def sent_to_device(image: Tensor, device: torch.device) -> Tensor:
    """An image on the device, or on its way there beside the device's work; see `on_device`."""
    if device.type != "cuda":
        return image
    with torch.cuda.stream(copying(device)):
        return image.pin_memory().to(device, non_blocking=True)  # from pinned memory nothing waits


def on_device(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """Images in a batch on the device, also those that are still on their way."""
    if device.type == "cuda":
        working = torch.cuda.current_stream(device)
        working.wait_stream(copying(device))  # the device does; this process does not
        for image in images:
            if image.device.type == "cuda":
                image.record_stream(working)  # its memory is not given away before that is done
    return torch.stack([image.to(device) for image in images])


@cache
def copying(device: torch.device) -> torch.cuda.Stream:
    """The stream on which images come to a GPU."""
    return torch.cuda.Stream(device)
