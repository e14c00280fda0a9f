"""Times all metrics on six explainers' maps, against the limit of their forwards and against Quantus.

    python benchmarks/metrics.py [--models efficientnet-lite0] [--data cutouts] [--images 16] [--write]

First the metrics that change the image and watch the target, together, in one stream; then those that
look the annotation up, then those that ask the explainer again. The limit is the forwards that were
made x the time of a plain forward at its best batch; backward passes have none. Where `quantus` is
installed, its metrics of the same name stand beside ours, on Grad-CAM's maps of the same images. With
--write, the tables go to docs/speed.md.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from time import perf_counter

import numpy as np
import torch
from limit import Limit
from marked_blocks import put, table
from stages import PAGE, spread
from work import Work, conditions, quietly

from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.specs import Metric
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again, explain
from xaibench.engine.evaluate.other_networks import OtherNetworks
from xaibench.engine.evaluate.outcome import Explained
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.images.pictures import decode, images_of_examples
from xaibench.engine.images.trials import batch_of, trials_of

EXPLAINERS = ("grad-cam", "grad-cam++", "layer-cam", "eigen-cam", "center", "random")


@dataclass
class Taken:
    """The forwards and seconds of some metrics, a number for each round.

    Args:
        limits: seconds of a plain forward at its best batch, times the forwards.
    """

    forwards: int = 0
    seconds: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def cells(self, maps: int) -> list[str]:
        """Return forwards, milliseconds a map, and the ratio to the limit, as text."""
        ratios = [one / least for one, least in zip(self.seconds, self.limits, strict=True) if least]
        ms = 1e3 * statistics.median(self.seconds) / maps
        return [f"{self.forwards:,}", f"{ms:,.2f}", spread(ratios) if ratios else "-"]


def main() -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=("efficientnet-lite0", "scenes-cnn"))
    parser.add_argument("--data", nargs="+", default=("cutouts", "scenes"), help="of each model")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=28, help="no metric of more steps than these")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = [
        report(model, data, given.images, given.rounds, given.steps)
        for model, data in zip(given.models, given.data, strict=True)
    ]
    parts.append(conditions(given.rounds))
    text = "\n\n".join(parts)
    print(text)
    if given.write:
        put(PAGE, "metrics", text)


def report(model: str, data: str, images: int, rounds: int, steps: int) -> str:
    """Return Markdown: a row for each kind of metrics, then a row for each metric of Quantus."""
    work = load(model, data, images)
    explained, again = maps_of(work)
    kinds = groups(steps)
    taken = {title: Taken() for title in kinds}
    alone = work.first(1)
    for metrics in kinds.values():  # to warm up
        scored(alone, metrics, *maps_of(alone))
    limit = Limit(work.classifier)
    for _ in range(rounds):
        for title, metrics in kinds.items():
            timed = limit.timed(partial(scored, work, metrics, explained, again), work.modules)
            part = taken[title]
            part.forwards = timed.done
            part.seconds.append(timed.seconds)
            part.limits.append(timed.done * timed.forward)
    taken["all together"] = together(list(taken.values()))
    kinds["all together"] = [metric for metrics in kinds.values() for metric in metrics]
    maps = len(EXPLAINERS) * len(work.batch.ids)
    rows = [[title, str(len(kinds[title])), *part.cells(maps)] for title, part in taken.items()]
    columns = ("metrics", "how many", "forwards", "ms a map", "multiple of the limit")
    text = f"**{model}** on {data}: {images} images, {len(EXPLAINERS)} explainers.\n\n"
    text += table(columns, rows)
    if find_spec("quantus"):
        text += f"\n\nBeside Quantus, on Grad-CAM's maps:\n\n{beside_quantus(work, explained, rounds)}"
    return text


def together(parts: Sequence[Taken]) -> Taken:
    """Return the sum of several measurements, round by round."""
    seconds = [sum(one) for one in zip(*(part.seconds for part in parts), strict=True)]
    limits = [sum(one) for one in zip(*(part.limits for part in parts), strict=True)]
    return Taken(sum(part.forwards for part in parts), seconds, limits)


def groups(steps: int) -> dict[str, list[Metric]]:
    """Return all metrics by kind."""
    every = installed().metrics.values()
    usual = [metric for metric in every if int(metric.settings.get("steps", 0)) <= steps]
    asking = [metric for metric in usual if "explainer" in metric.needs]
    placed = [metric for metric in usual if "region" in metric.needs and metric not in asking]
    changing = [metric for metric in usual if metric not in asking and metric not in placed]
    return {"change the image": changing, "look it up": placed, "ask the explainer": asking}


def load(model: str, data: str, images: int) -> Work:
    """Return the model, and the first images with predicted classes and annotated regions."""
    registry = installed()
    classifier: Classifier = registry.model(model).load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = images_of_examples(registry.dataset(data).load()())[:images]
    pictures = [decode(same, preprocess) for same in examples]
    pixels = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
    predicted = classifier.logits(pixels).argmax(1).tolist()
    trials = trials_of(pictures, predicted, frozenset({"label"}))
    batch = batch_of(pictures, trials, pixels, preprocess, 0, predicted)
    return Work(classifier, batch)


def maps_of(work: Work) -> tuple[dict[str, Explained], dict[str, Again]]:
    """Return the maps of all explainers, and the explainers for metrics that need them."""
    specs = [installed().explainer(name) for name in EXPLAINERS]
    shared = SharedPass(work.prepared.classifier, work.batch.images)
    stream = work.stream(work.prepared)
    explained = explain(Capture(work.classifier, work.batch, shared), specs, stream)
    others = OtherNetworks()
    again = {
        spec.name: Again(
            spec,
            work.classifier,
            stream.width,
            prepared=work.prepared.classifier,
            others=others,
        )
        for spec in specs
    }
    return explained, again


def scored(
    work: Work, metrics: Sequence[Metric], explained: dict[str, Explained], again: dict[str, Again]
) -> int:
    """Score all maps by all of the metrics; return the number of forwards."""
    stream = work.stream(work.prepared)
    before = sum(explainer.forwards for explainer in again.values())
    fresh = {  # other tensors of the same maps: no ranking is remembered from the round before
        name: Explained(
            explanation.outcome, None if explanation.maps is None else explanation.maps.clone()
        )
        for name, explanation in explained.items()
    }
    policies = [frozenset({"predicted", "label"})] * len(work.batch.ids)
    score(fresh, metrics, policies, work.batch, stream, again)
    return stream.forwards + sum(explainer.forwards for explainer in again.values()) - before


def beside_quantus(work: Work, explained: dict[str, Explained], rounds: int) -> str:
    """Return Markdown: milliseconds a map, ours and theirs, and their ratio."""
    import quantus

    maps = explained["grad-cam"].maps
    assert maps is not None
    images, batch = work.batch.images.numpy(), work.batch
    masks = np.stack([(region.covered(images.shape[2:]) >= 0.5).numpy() for region in batch.regions])
    flipped = images[0, 0].size // 32  # it asks for steps that divide the pixels
    quiet = {"disable_warnings": True, "display_progressbar": False}
    theirs: dict[str, tuple[str, Callable[[], Callable[..., object]]]] = {
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
    rows: list[list[str]] = []
    for name, (theirs_name, make) in theirs.items():
        metric = installed().metric(name)
        ours = partial(scored, work, [metric], {"grad-cam": explained["grad-cam"]}, {})
        call = partial(
            make(),
            model=work.classifier.network,
            x_batch=images,
            y_batch=batch.targets.numpy(),
            a_batch=maps[:, None].numpy(),
            s_batch=masks[:, None],
            device="cpu",
            channel_first=True,
        )
        seconds = [median_of(rounds, some) / len(batch.ids) for some in (ours, call)]
        ms = (f"{1e3 * one:,.2f}" for one in seconds)
        rows.append([f"`{name}`", theirs_name, *ms, f"{seconds[1] / seconds[0]:.1f}"])
    columns = ("ours", "theirs", "ours, ms a map", "theirs, ms a map", "times as fast")
    return table(columns, rows)


def median_of(rounds: int, work: Callable[[], object]) -> float:
    """Return the median seconds of some rounds, after one to warm up."""
    spent = []
    for turn in range(rounds + 1):
        began = perf_counter()
        quietly(work)
        if turn:
            spent.append(perf_counter() - began)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
