"""Measures how time and memory grow with images and with explainers, for a CNN and a ViT.

    python benchmarks/growth.py [--models efficientnet-lite0 ...] [--rounds 3] [--write]

Over images: the gradient CAMs, and insertion and deletion of three maps, of 1, 2, 4, 8 and 16 images.
Over explainers: 1, 3, 6 and 12 of them on four images, in plain forwards of those images, beside
pytorch-grad-cam's one after another. Forwards are counted at the network. With --write, the tables go to
docs/speed.md.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from marked_blocks import put, table
from peers import counted, peers
from stages import MODELS, PAGE, gradient_cams, metrics, on_prepared, spread
from work import Work, conditions, load, measured, peak_memory

from xaibench.api.capture import Capture, SharedPass
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.stream import Stream

IMAGES = (1, 2, 4, 8, 16)
EXPLAINERS = (
    *("grad-cam", "grad-cam++", "layer-cam", "hirescam", "xgrad-cam", "grad-cam-elementwise"),
    *("mean-activation", "conceptor-cam", "grad-cam+conceptors", "layer-cam+conceptors"),
    *("grad-cam+contrast-0.5", "almost-ones"),
)
COUNTS = (1, 3, 6, 12)
BATCH = 4
LIBRARY = "pytorch-grad-cam"


def explainers(count: int, work: Work) -> int:
    """Compute the shared pass and the first `count` explainers on it, as `xaibench run` does."""
    network = work.prepared
    shared = SharedPass(network.classifier, work.batch.images)
    specs = [installed().explainer(name) for name in EXPLAINERS[:count]]
    by_name = explain(Capture(work.classifier, work.batch, shared), specs, Stream(network.forward, 1))
    assert all(explained.maps is not None for explained in by_name.values())
    return len(work.batch.ids)


def theirs(count: int, work: Work) -> int:
    """Compute the library's explainers of the same names, one after another."""
    library = peers()[LIBRARY]
    for name in EXPLAINERS[:count]:
        library[name](work)
    return len(work.batch.ids)


def over_images(model: str, rounds: int) -> str:
    """Return a Markdown table with a row for each number of images."""
    stages = (partial(on_prepared, gradient_cams), partial(on_prepared, metrics))
    work = load(model, max(IMAGES))
    lines = []
    for count in IMAGES:
        given = {str(stage): (stage, work.first(count)) for stage in stages}
        cells = []
        for stage, timings in zip(stages, measured(given, rounds), strict=True):
            ms = 1e3 * statistics.median(timings.seconds) / count
            memory = peak_memory(model, count, stage)
            cells += [f"{ms:,.1f}", spread(timings.ratios), f"{memory:,.0f}"]
        lines.append([str(count), *cells])
    columns = ["images"]
    for name in ("gradient CAMs", "insertion and deletion"):
        columns += [f"{name}: ms an image", "multiple of the limit", "peak MiB"]
    return table(columns, lines)


def over_explainers(model: str, rounds: int) -> str:
    """Return a Markdown table with a row for each number of explainers."""
    work = load(model, BATCH)
    lines = []
    for count in COUNTS:
        cells = [str(count)]
        for stage in (partial(explainers, count), partial(theirs, count)):
            if stage.func is theirs and (LIBRARY not in peers() or count > 6):
                cells += ["-"] * 3
                continue
            (timings,) = measured({"": (stage, work)}, rounds)
            memory = peak_memory(model, BATCH, stage)
            cells += [f"{forwards_of(stage, work):.0f}", spread(timings.ratios), f"{memory:,.0f}"]
        lines.append(cells)
    columns = ["explainers"]
    for name in ("ours", LIBRARY):
        columns += [f"{name}: forwards an image", "time, in plain forwards", "peak MiB"]
    return table(columns, lines)


def forwards_of(stage: Callable[[Work], int], work: Work) -> float:
    """Return the number of images sent through the network, plain or prepared, for each image."""
    networks = (work.prepared.classifier.network, work.classifier.network)
    with counted(networks[0]) as ours, counted(networks[1]) as plain, torch.enable_grad():
        stage(work)
    return sum([*ours, *plain]) / len(work.batch.ids)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args(arguments)
    parts = []
    for model in given.models:
        parts += [f"**{model}**", over_explainers(model, given.rounds), over_images(model, given.rounds)]
    text = "\n\n".join([*parts, conditions(given.rounds)])
    print(text)
    if given.write:
        put(PAGE, "growth", text)


if __name__ == "__main__":
    main()
