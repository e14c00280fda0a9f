"""Measures the report of a large run: time to write, size, and time until it can be used.

    python benchmarks/report.py [--images 1000] [--explainers 12] [--side 224] [--pixels 3 12] [--write]

For each number of `--pixels`, makes up a results folder of scores, curves and kept maps: so many of the
explainers at the image's resolution as gradients are, the others upsampled from 7 x 7 cells as CAMs are.
Writes its report, opens it in headless Chromium, and prints the times since the navigation began: until
the page is parsed, until its script is done, until the first frame after that (interactive), and how
long a new order of the gallery takes. With --write, the table goes to docs/report.md. Needs the extra
`browser`, Chromium and its driver.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from browser import opened
from marked_blocks import put, table

from xaibench.report.page.build import write_report
from xaibench.report.page.small_maps import bilinear
from xaibench.results.kept import KeptMap, kept_bytes
from xaibench.results.results import Results
from xaibench.results.rows import SHARED_PASS, Row, write_rows

METRICS = (("insertion-28", True), ("deletion-28", False), ("pointing-game", True))
STEPS, CLASSES, CELLS, ROUNDS = 29, 50, 7, 5
MOMENTS = ("parsed", "script done", "interactive", "a new order of the gallery")
PAGE = Path(__file__).parent.parent / "docs" / "report.md"
TIMES = """
const done = arguments[0];
requestAnimationFrame(() => setTimeout(() => {
  const entry = performance.getEntriesByType("navigation")[0];
  done([entry.domInteractive, entry.domContentLoadedEventEnd, performance.now()]);
}));
"""
REORDER = """
const done = arguments[0], controls = document.getElementById("gallery-controls");
const began = performance.now();
controls.order.value = "worst";
controls.order.dispatchEvent(new Event("input", { bubbles: true }));
requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--explainers", type=int, default=12)
    parser.add_argument("--side", type=int, default=224, help="pixels of an image along a side")
    parser.add_argument(
        "--pixels", type=int, nargs="+", default=[3, 12], help="how many of them have maps of pixels"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/report.md")
    given = parser.parse_args()
    facts = [figures(given.images, given.explainers, given.side, pixels) for pixels in given.pixels]
    rows = [[what, *(each[what] for each in facts)] for what in facts[0]]
    columns = ("", *(f"{pixels} of {given.explainers} of pixels" for pixels in given.pixels))
    text = f"{table(columns, rows)}\n\n{ROUNDS} openings; {os.cpu_count()} processors."
    print(text)
    if given.write:
        put(PAGE, "large", text)


def figures(images: int, explainers: int, side: int, pixels: int) -> dict[str, str]:
    """Return the measurements of one report, as text by name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        make_up(path, images, explainers, side, pixels)
        kept = sum(file.stat().st_size for file in (path / "maps").iterdir())
        began = perf_counter()
        written = write_report(Results.load(path))
        spent = perf_counter() - began
        facts = {"size of the file": written.size}
        for name, times in zip(MOMENTS, moments(written.path), strict=True):
            low, middle, high = (each / 1e3 for each in (min(times), median(times), max(times)))
            facts[name] = f"{middle:.2f} s ({low:.2f} to {high:.2f})"
    return {**facts, f"writing it, out of {kept / 1e9:.1f} GB of kept maps": f"{spent:.0f} s"}


def make_up(path: Path, images: int, explainers: int, side: int, pixels: int) -> None:
    """Write a results folder of one model and data set."""
    rng = np.random.default_rng(0)
    (path / "scores").mkdir(parents=True)
    (path / "maps").mkdir()
    names = tuple(f"explainer-{k:02}" for k in range(explainers))
    known = {"run": "made-up", "status": "ok", "model": "model", "dataset": "data", "grid": "7x7"}
    write_rows(path / "scores" / "made-up.parquet", made_rows(rng, images, names, known))
    up = bilinear(side, CELLS)
    ramp = np.linspace(0, 255, side)
    for n in range(images):
        maps = rng.random((explainers, side, side), dtype=np.float32)
        maps[pixels:] = up @ rng.random((explainers - pixels, CELLS, CELLS)) @ up.T
        low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
        colours = np.stack(
            [
                np.roll(ramp, 7 * n)[None].repeat(side, 0),
                ramp[:, None].repeat(side, 1),
                up @ rng.random((7, 7)) @ up.T * 255,
            ],
            axis=2,
        )
        target = f"class {n % CLASSES}"
        kept = KeptMap(
            "model",
            "data",
            f"image-{n:05}",
            target,
            target,
            ((9.0, 9.0, 90.0, 80.0),),
            names,
            n % CLASSES,
        )
        file = path / "maps" / f"{n:05}.safetensors"
        scaled = ((maps - low) / (high - low)).astype(np.float16)
        file.write_bytes(kept_bytes(kept, colours.astype(np.uint8), scaled))
    facts = {"run": "made-up", "controls": [names[-1]], "finished": "", "packages": {}}
    (path / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")


def made_rows(
    rng: np.random.Generator, images: int, names: tuple[str, ...], known: dict[str, Any]
) -> list[Row]:
    """Return rows with scores, later explainers a little worse, and curves where the metric has them."""
    rows = [
        Row(
            **known,
            cell=SHARED_PASS,
            explainer=SHARED_PASS,
            metric="",
            image=f"image-{n:05}",
            explain_ms=9.0,
        )
        for n in range(images)
    ]
    for metric, higher in METRICS:
        for k, name in enumerate(names):
            good = np.clip(rng.normal(0.7 - 0.02 * k, 0.2, images), 0, 1)
            scores = (
                (good > 0.4).astype(float) if metric == "pointing-game" else good if higher else 1 - good
            )
            for n in range(images):
                curve = () if metric == "pointing-game" else tuple(rng.random(STEPS).tolist())
                rows.append(
                    Row(
                        **known,
                        cell=f"{metric}-{name}",
                        explainer=name,
                        metric=metric,
                        metric_version=1,
                        higher_is_better=higher,
                        image=f"image-{n:05}",
                        target=n % CLASSES,
                        predicted=n % CLASSES,
                        score=float(scores[n]),
                        curve=curve,
                        explain_ms=0.1 * 2**k,
                        explain_forwards=float(k * k),
                    )
                )
    return rows


def moments(path: Path) -> list[list[float]]:
    """Return milliseconds of four kinds, an entry for each round, in a warm browser."""
    rounds = []
    with opened(["--window-size=1280,900"]) as driver:
        for _ in range(ROUNDS):
            driver.get(path.as_uri())
            times = driver.execute_async_script(TIMES)
            rounds.append([*times, driver.execute_async_script(REORDER)])
    return [list(kind) for kind in zip(*rounds, strict=True)]


if __name__ == "__main__":
    main()
