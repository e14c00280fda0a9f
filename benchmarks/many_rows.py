"""Measures the end of a run, in one process: seconds and memory as images grow.

    python benchmarks/many_rows.py [--images 1000 10000 50000] [--shard 64] [--write]

The rows of a small real run (12 explainers, 3 metrics, a CNN on generated scenes) are drawn again, with
a little noise, under other images' names, until there are so many; then they are loaded, ranked and
reported in a process of its own. With --write, the table goes to docs/scaling.md.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
from marked_blocks import put, table

import xaibench
from xaibench.report.page.build import write_report
from xaibench.results.results import Results
from xaibench.results.rows import SCHEMA, write_table

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"
EXPLAINERS = (
    *("cam", "grad-cam", "grad-cam++", "layer-cam", "xgrad-cam", "hirescam", "eigen-cam"),
    *("conceptor-cam", "grad-cam+conceptors"),
)  # and the three controls
METRICS = ("insertion-28", "deletion-28", "pointing-game")
FEW = 40
STAGES = ("load", "leaderboard", "report")


def small_run(folder: Path) -> Results:
    """Make the small run whose rows are multiplied."""
    return xaibench.run(
        ["scenes-cnn"],
        ["scenes"],
        explainers=EXPLAINERS,
        metrics=METRICS,
        limit=FEW,
        output=folder,
    )


def multiplied(results: Results, folder: Path, images: int, shard: int) -> int:
    """Write a folder of rows of `images` images; return the number of rows."""
    draw = np.random.default_rng(0)
    rows = results.rows.drop(columns=[c for c in results.rows.columns if c not in SCHEMA.names])
    of_image = [part for _, part in rows.groupby("image", sort=False)]
    (folder / "scores").mkdir(parents=True)
    shutil.copy(results.path / "manifest.json", folder / "manifest.json")
    total = 0
    for first in range(0, images, shard):
        parts = []
        for number in range(first, min(first + shard, images)):
            part = of_image[draw.integers(len(of_image))].copy()
            name = f"image-{number:06}"
            part["image"], part["image_sha"], part["inputs_sha"] = name, name, name
            noise = draw.normal(0, 0.02, len(part)) * (part["metric"] != "pointing-game")
            part["score"] = part["score"] + noise
            parts.append(part)
        block = pd.concat(parts, ignore_index=True)
        total += len(block)
        written = pa.Table.from_pandas(block, schema=SCHEMA, preserve_index=False)
        write_table(folder / "scores" / f"scenes-cnn--scenes.{first:08}.parquet", written)
    return total


def measured(folder: Path) -> tuple[list[float], float]:
    """Return the seconds of each stage and the peak memory (MiB), in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (folder,))


def _measured(folder: Path) -> tuple[list[float], float]:
    spent = []

    def timed(work: Callable[[], object]) -> object:
        began = perf_counter()
        result = work()
        spent.append(perf_counter() - began)
        return result

    results = timed(lambda: Results.load(folder))
    assert isinstance(results, Results)
    timed(lambda: list(results.boards()))
    timed(lambda: write_report(results))
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=(1_000, 10_000, 50_000))
    parser.add_argument("--shard", type=int, default=64, help="images a file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/scaling.md")
    given = parser.parse_args()
    lines = []
    with TemporaryDirectory() as place:
        few = small_run(Path(place) / "few")
        for images in given.images:
            folder = Path(place) / f"{images}"
            rows = multiplied(few, folder, images, given.shard)
            disk = sum(path.stat().st_size for path in (folder / "scores").iterdir()) / 2**20
            spent, memory = measured(folder)
            page = (folder / "report.html").stat().st_size / 2**20
            figures = [*(f"{one:.1f}" for one in spent), f"{memory:,.0f}", f"{disk:.0f}", f"{page:.1f}"]
            lines.append([f"{images:,}", f"{rows:,}", *figures])
            print(json.dumps(lines[-1]), flush=True)
            shutil.rmtree(folder)
    columns = ("images", "rows", *(f"{stage}, s" for stage in STAGES))
    text = table((*columns, "peak MiB", "rows on disk, MiB", "report, MiB"), lines)
    print(text)
    if given.write:
        put(PAGE, "rows", text)


if __name__ == "__main__":
    main()
