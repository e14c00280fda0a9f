"""Times every explainer, ours and the peers', on a CNN and a ViT: milliseconds and forwards an image.

    python benchmarks/explainers.py [--images 2] [--rounds 3] [--write]

Same images, same classes, same run, each alone: what several explainers share is not to be seen here
(`benchmarks/stages.py` shows it). Ours run as `xaibench run` has them: on the prepared copy, the
shared pass included. Where `grad-cam`, `torchcam` and `captum` are installed, they stand beside.
With --write, the table goes to docs/speed.md.
"""

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from limit import Limit
from marked_blocks import put
from peers import counted, peers
from rich.console import Console
from work import Work, load, quietly

from xaibench.api.capture import Capture, SharedPass
from xaibench.api.specs import Explainer
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain

MODELS = ("efficientnet-lite0", "timm:vit_tiny_patch16_224=random")
LONG = 300  # forwards an image; what takes more is done on one image, once
PAGE = Path(__file__).parent.parent / "docs" / "speed.md"


def main() -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="explainers; all if not given")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    tables = [
        table(model, given.images, given.rounds, given.only or list(installed().explainers))
        for model in given.models
    ]
    text = "\n".join(tables)
    Console(width=200).print(text, markup=False, highlight=False)
    if given.write:
        put(PAGE, "explainers", text.rstrip())


def table(model: str, images: int, rounds: int, names: list[str]) -> str:
    """Return a Markdown table with a row for each explainer."""
    work, alone = load(model, images), load(model, 1)
    limit = Limit(work.classifier)
    forward = 1e3 * limit.forward()
    libraries = peers()
    lines = [
        f"**{model}**, {images} images a batch; one plain forward at its best batch takes an image "
        f"{forward:.1f} ms here.\n",
        f"| explainer | forwards | ms | {' | '.join(f'{name}, forwards | ms' for name in libraries)} |",
        f"| --- | ---: | ---: |{' ---: | ---: |' * len(libraries)}",
    ]
    for name in names:
        spec = installed().explainer(name)
        if "region" in spec.needs:
            continue
        cells = [cell(partial(ours, spec), work, alone, rounds, prepared=True)]
        for library in libraries.values():
            peer = library.get(name)
            theirs = untouched(work), untouched(alone)  # some leave a network broken
            cells.append(cell(peer, *theirs, rounds, prepared=False) if peer else "- | -")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
        print(model, lines[-1], file=sys.stderr, flush=True)
    limit_after = 1e3 * limit.forward()
    lines.append(f"\nAfterwards one plain forward took {limit_after:.1f} ms.\n")
    return "\n".join(lines) + "\n"


def untouched(work: Work) -> Work:
    """Return the same work with a copy of the network."""
    return replace(work, classifier=deepcopy(work.classifier), networks={}, widths={})


def ours(spec: Explainer, work: Work) -> None:
    """Compute the maps of one of our explainers, its shared pass included.

    Raises:
        RuntimeError: it has no maps of this model.
    """
    shared = SharedPass(work.prepared.classifier, work.batch.images)
    capture = Capture(work.classifier, work.batch, shared)
    explained = explain(capture, [spec], work.stream(work.prepared))[spec.name]
    if explained.maps is None:
        raise RuntimeError(explained.outcome.reason)


def cell(
    explainer: Callable[[Work], object], work: Work, alone: Work, rounds: int, prepared: bool
) -> str:
    """Return forwards and median milliseconds of an image as cells, or the reason for their absence."""
    try:
        forwards, first = timed(explainer, alone, prepared)
        if forwards > LONG:
            return f"{forwards:,.0f} | {first:,.0f}"
        timed(explainer, work, prepared)
        measurements = [timed(explainer, work, prepared) for _ in range(rounds)]
    except Exception as error:  # a library's own; the table says which kind
        return f"{'unsupported' if prepared else type(error).__name__} | -"
    return f"{measurements[0][0]:,.0f} | {statistics.median(ms for _, ms in measurements):,.1f}"


def timed(explainer: Callable[[Work], object], work: Work, prepared: bool) -> tuple[float, float]:
    """Return forwards and milliseconds of an image."""
    network = work.prepared.classifier.network if prepared else work.classifier.network
    if prepared:
        work.stream(work.prepared)  # its width is measured once and kept
    with counted(network) as passes, torch.enable_grad():
        began = perf_counter()
        quietly(partial(explainer, work))
        spent = perf_counter() - began
    count = len(work.batch.ids)
    return sum(passes) / count, 1e3 * spent / count


if __name__ == "__main__":
    main()
