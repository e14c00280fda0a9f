"""All metrics on six explainers' maps: wall time over the limit of their forwards, and beside Quantus.

    python benchmarks/metrics.py [--model scenes-cnn] [--images 16] [--rounds 3] [--steps 28]

First the metrics that change the image and watch the target, together, in one stream; then those that
look the annotation up, then those that ask the explainer again. The limit is the forwards that were
made x the time of a plain forward at its best batch; backward passes have none. Where `quantus` is
installed, its metrics of the same name stand beside ours, on Grad-CAM's maps of the same images.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from time import perf_counter

import numpy as np
import torch
from limit import Limit
from rich.console import Console
from rich.table import Table
from stages import Work, quietly

from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.specs import Metric
from xaibench.engine.explaining import Again, explain
from xaibench.engine.outcome import Explained
from xaibench.engine.registry import installed
from xaibench.engine.scoring import score
from xaibench.engine.trials import batch_of, decode, group, trials_of

EXPLAINERS = ("grad-cam", "grad-cam++", "layer-cam", "eigen-cam", "center", "random")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="scenes-cnn")
    parser.add_argument("--data", default="scenes")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=28, help="no metric of more steps than these")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    work = load(given.model, given.data, given.images)
    explained, again = maps_of(work)
    limit = Limit(work.classifier)
    table = Table(title=f"{given.model}, {given.images} images, {len(EXPLAINERS)} explainers")
    for column in ("metrics", "how many", "forwards", "ms a map", "over the limit", "least", "most"):
        table.add_column(column, justify="left" if column == "metrics" else "right")
    for title, metrics in groups(given.steps).items():
        ratios, spent = [], []
        for turn in range(given.rounds + 1):
            before = limit.forward()
            began = perf_counter()
            forwards = scored(work, metrics, explained, again)
            took = perf_counter() - began
            if turn:  # the first is to warm up
                spent.append(took)
                one = min(before, limit.forward())
                ratios.append(took / (forwards * one) if forwards else float("nan"))
        count = len(EXPLAINERS) * len(work.batch.ids)
        figures = (statistics.median(ratios), min(ratios), max(ratios))
        ms = f"{1e3 * statistics.median(spent) / count:.2f}"
        said = [f"{figure:.2f}" if forwards else "-" for figure in figures]
        table.add_row(title, str(len(metrics)), f"{forwards:,}", ms, *said)
    console = Console(width=105)
    console.print(table)
    if find_spec("quantus"):
        console.print(beside_quantus(work, explained, given.rounds))
    else:
        console.print("quantus is not installed: pip install quantus")


def groups(steps: int) -> dict[str, list[Metric]]:
    """All metrics, by what they do."""
    every = installed().metrics.values()
    usual = [metric for metric in every if int(metric.settings.get("steps", 0)) <= steps]
    asking = [metric for metric in usual if "explainer" in metric.needs]
    placed = [metric for metric in usual if "region" in metric.needs and metric not in asking]
    changing = [metric for metric in usual if metric not in asking and metric not in placed]
    return {"change the image": changing, "look it up": placed, "ask the explainer": asking}


def load(model: str, data: str, images: int) -> Work:
    """The model, and the first images with the predicted class and where the annotated one is."""
    registry = installed()
    classifier: Classifier = registry.model(model).load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = group(registry.dataset(data).load()())[:images]
    pictures = [decode(same, preprocess) for same in examples]
    pixels = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
    predicted = classifier.logits(pixels).argmax(1).tolist()
    trials = trials_of(pictures, predicted, frozenset({"label"}))
    batch = batch_of(pictures, trials, pixels, preprocess, 0, predicted)
    return Work(classifier, batch)


def maps_of(work: Work) -> tuple[dict[str, Explained], dict[str, Again]]:
    """The maps of all explainers, and the explainers, to be asked again."""
    specs = [installed().explainer(name) for name in EXPLAINERS]
    shared = SharedPass(work.prepared.classifier, work.batch.images)
    stream = work.stream(work.prepared)
    explained = explain(Capture(work.classifier, work.batch, shared), specs, stream)
    again = {
        spec.name: Again(spec, work.classifier, stream.width, prepared=work.prepared.classifier)
        for spec in specs
    }
    return explained, again


def scored(
    work: Work, metrics: Sequence[Metric], explained: dict[str, Explained], again: dict[str, Again]
) -> int:
    """All of the metrics on all maps; the forwards that it took."""
    stream = work.stream(work.prepared)
    before = sum(explainer.forwards for explainer in again.values())
    fresh = {  # other tensors of the same maps: no ranking is remembered from the round before
        name: Explained(found.outcome, None if found.maps is None else found.maps.clone())
        for name, found in explained.items()
    }
    policies = [frozenset({"predicted", "label"})] * len(work.batch.ids)
    score(fresh, metrics, policies, work.batch, stream, again)
    return stream.forwards + sum(explainer.forwards for explainer in again.values()) - before


def beside_quantus(work: Work, explained: dict[str, Explained], rounds: int) -> Table:
    """Milliseconds a map, ours and theirs, and how many times as fast ours is."""
    import quantus

    maps = explained["grad-cam"].maps
    assert maps is not None
    images, batch = work.batch.images.numpy(), work.batch
    masks = np.stack([(region.covered(images.shape[2:]) >= 0.5).numpy() for region in batch.regions])
    flipped = images[0, 0].size // 32  # it asks for steps that divide the pixels
    quiet = {"disable_warnings": True, "display_progressbar": False}
    theirs: dict[str, tuple[str, Callable[[], object]]] = {
        "pointing-game": ("PointingGame", lambda: quantus.PointingGame(**quiet)),
        "relevance-mass": (
            "RelevanceMassAccuracy",
            lambda: quantus.RelevanceMassAccuracy(**quiet),
        ),
        "relevance-rank": (
            "RelevanceRankAccuracy",
            lambda: quantus.RelevanceRankAccuracy(**quiet),
        ),
        "sparseness": ("Sparseness", lambda: quantus.Sparseness(**quiet)),
        "complexity": ("Complexity", lambda: quantus.Complexity(**quiet)),
        "deletion-28": (
            "PixelFlipping, 96 steps",
            lambda: quantus.PixelFlipping(features_in_step=flipped, **quiet),
        ),
    }
    table = Table(title="beside Quantus, on Grad-CAM's maps")
    for column in ("ours", "theirs", "ours, ms a map", "theirs, ms a map", "times as fast"):
        table.add_column(column, justify="left" if column in ("ours", "theirs") else "right")
    for name, (theirs_name, make) in theirs.items():
        metric = installed().metric(name)
        ours = partial(scored, work, [metric], {"grad-cam": explained["grad-cam"]}, {})
        call = partial(
            make(),  # type: ignore[arg-type]
            model=work.classifier.network,
            x_batch=images,
            y_batch=batch.targets.numpy(),
            a_batch=maps[:, None].numpy(),
            s_batch=masks[:, None],
            device="cpu",
            channel_first=True,
        )
        found = [median_of(rounds, some) / len(batch.ids) for some in (ours, call)]
        table.add_row(
            name, theirs_name, *(f"{1e3 * one:.2f}" for one in found), f"{found[1] / found[0]:.1f}"
        )
    return table


def median_of(rounds: int, work: Callable[[], object]) -> float:
    """Seconds, the median of some rounds after one to warm up."""
    spent = []
    for turn in range(rounds + 1):
        began = perf_counter()
        quietly(lambda: int(work() is None))
        if turn:
            spent.append(perf_counter() - began)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
