"""Measures loading: memory by the size of the data set, and images a second.

    python benchmarks/loading.py [--images 100 10000] [--work 5] [--timed 400]

A folder of small JPEGs is made in a temporary directory. The loading loop of a run goes through it,
shard by shard, without a network. Memory is that of a process of its own for each size: resident
before the folder is listed, once it is listed, and the greatest while it is decoded. Images a second
are measured one after the other and with the next shard decoded while one is worked on; the work is a
pause of some milliseconds an image, as a GPU's is for the processor.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from xaibench.api.batch import Example, Preprocess
from xaibench.engine.discovery.registry import installed
from xaibench.engine.images.pictures import Picture, decode, images_of_examples
from xaibench.engine.images.prefetch import THREADS, ResizedImageCache, ahead
from xaibench.engine.plan.plan import dataset_at

PREPROCESS = Preprocess((224, 224))
SHARD = 4  # as of `Config.shard`
ROUNDS = 3
Shard = Sequence[tuple[Example, ...]]


def make_folder(folder: Path, count: int, side: tuple[int, int] = (320, 240)) -> None:
    """Write `count` different JPEGs of smooth noise."""
    generator = np.random.default_rng(0)
    for i in range(count):
        noise = generator.integers(0, 255, (side[1] // 20, side[0] // 20, 3), dtype=np.uint8)
        Image.fromarray(noise).resize(side).save(folder / f"{i:06}.jpg", quality=85)


def shards_of(folder: Path, count: int) -> list[Shard]:
    """Return the first `count` images of the folder in shards, as a run has them."""
    dataset, _, root = dataset_at(installed(), f"folder:{folder}")
    images = images_of_examples(dataset.load()(root))[:count]
    return [images[first : first + SHARD] for first in range(0, len(images), SHARD)]


def resident() -> float:
    """Return the resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure_memory(
    folder: Path, count: int, shared: bool, queue: "SimpleQueue[tuple[float, ...]]"
) -> None:
    """Send the resident memory before, with the list of images, and its peak while they are decoded."""
    torch.set_num_threads(1)
    shelf = ResizedImageCache()
    warm = shards_of(folder, 2 * SHARD)
    for _ in ahead(warm, lambda same: decode(same, PREPROCESS)):
        pass
    before = resident()
    shards = shards_of(folder, count)
    listed = greatest = resident()
    for _ in ahead(shards, lambda same: shelf.decode("data", same, PREPROCESS, None, keep=shared)):
        greatest = max(greatest, resident())
    queue.put((before, listed, greatest, shelf.used / 2**20))


def in_a_process(folder: Path, count: int, shared: bool) -> tuple[float, ...]:
    """Measure the memory in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=measure_memory, args=(folder, count, shared, queue))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"measuring {count} images failed")
    measurements: tuple[float, ...] = queue.get()
    return measurements


def one_after_the_other(shards: Sequence[Shard]) -> Iterator[list[Picture]]:
    """Load the shards without prefetching."""
    for shard in shards:
        yield [decode(same, PREPROCESS) for same in shard]


def images_a_second(shards: Sequence[Shard], looking_ahead: bool, work: float) -> float:
    """Return images a second of one pass, with `work` seconds of the device for each image."""
    began = perf_counter()
    coming = (
        ahead(shards, lambda same: decode(same, PREPROCESS))
        if looking_ahead
        else one_after_the_other(shards)
    )
    count = 0
    for pictures in coming:
        sleep(work * len(pictures))
        count += len(pictures)
    return count / (perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--work", type=float, default=5.0, help="milliseconds of the device an image")
    parser.add_argument("--timed", type=int, default=400, help="images of each timed pass")
    given = parser.parse_args()
    torch.set_num_threads(1)
    memory = Table(title="resident memory, MiB", title_justify="left")
    for column in (
        "images",
        "kept for other models",
        "before",
        "listed",
        "greatest",
        "grown by",
        "kept",
    ):
        memory.add_column(column, justify="right")
    speed = Table(title=f"images a second, {THREADS} threads ahead", title_justify="left")
    for column in ("work an image", "one after the other", "a shard ahead"):
        speed.add_column(column, justify="right")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_folder(folder, max(*given.images, given.timed))
        for shared in (False, True):
            for count in given.images:
                before, listed, greatest, kept = in_a_process(folder, count, shared)
                figures = (before, listed, greatest, greatest - before, kept)
                cells = (f"{figure:.1f}" for figure in figures)
                memory.add_row(f"{count:,}", "yes" if shared else "no", *cells)
        shards = shards_of(folder, given.timed)
        for milliseconds in (0.0, given.work):
            medians = [
                statistics.median(
                    images_a_second(shards, looking_ahead, milliseconds / 1e3) for _ in range(ROUNDS)
                )
                for looking_ahead in (False, True)
            ]
            speed.add_row(f"{milliseconds:g} ms", *(f"{median:.0f}" for median in medians))
    console = Console(width=110)
    console.print(memory)
    console.print(speed)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"{platform.machine()}, {os.cpu_count()} processors, load averages {load}")


if __name__ == "__main__":
    main()
