"""What a run would take: its cells, what is unsupported, its forwards and time, from one image a block.

The explainers and metrics run on that image, and what they ask the stream for is counted and not done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from time import perf_counter

import torch

from xaibench.api.batch import Example
from xaibench.api.errors import DataError
from xaibench.engine.config import Config
from xaibench.engine.devices import device_of
from xaibench.engine.explaining import explain
from xaibench.engine.label_spaces import refuse_other_classes
from xaibench.engine.observer import Observer
from xaibench.engine.outcome import status_of
from xaibench.engine.plan import Block, plan
from xaibench.engine.record import Provenance
from xaibench.engine.registry import Registry, installed
from xaibench.engine.scoring import score
from xaibench.engine.shared import Loaded, look_at, share
from xaibench.engine.stream import Answer, Request, Stream
from xaibench.engine.trials import Picture, decode, group
from xaibench.engine.wanted import Wanted
from xaibench.engine.worker import Worker, askable

PROBES = 3  # passes whose fastest tells the time of a forward


@dataclass(frozen=True)
class Forecast:
    """A model on a data set, as it is going to be.

    Args:
        title: "MODEL on DATA".
        images: how many.
        cells: explainers x metrics.
        unsupported: (explainer, metrics' names or "" for all, reason) of those cells that are.
        forwards: of each stage, over all images.
        explainers: forwards of its own that each explainer makes for an image.
        metrics: those that each metric adds for a map, where an earlier one has not made them.
        seconds: expected wall time.
        problem: why the block cannot be worked on; empty where it can.
    """

    title: str
    images: int = 0
    cells: int = 0
    unsupported: tuple[tuple[str, str, str], ...] = ()
    forwards: dict[str, int] = field(default_factory=dict)
    explainers: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""


def forecast(
    config: Config, registry: Registry | None = None, observer: Observer | None = None
) -> list[Forecast]:
    """Of every block of the grid; nothing is written.

    How many forwards an explainer makes may depend on the image (Score-CAM skips constant channels):
    what one image takes is multiplied by their number.

    Raises:
        ConfigError, UnknownName: as `run` does.
    """
    registry = registry or installed(config.strict)
    todo = plan(config, registry)
    nowhere = Path(config.name())  # nothing is written
    worker = Worker(config, device_of(config.device), nowhere, observer or Observer())
    wanted = Wanted.every(todo.explainers, todo.metrics)
    return [forecast_block(worker, block, wanted) for block in todo.blocks]


def forecast_block(worker: Worker, block: Block, wanted: Wanted) -> Forecast:
    """One block; what cannot be loaded is its problem."""
    title = f"{block.model.name} on {block.data_name}"
    cells = len(wanted.pairs)
    provenance = Provenance("", block.model.name, block.data_name, str(worker.device), 0)
    try:
        refuse_other_classes(block)
        loaded = worker.load(block, provenance)
        images = group(loaded.examples)
        picture = first_readable(images, loaded)
        return probe(worker, loaded, picture, wanted, Forecast(title, len(images), cells))
    except Exception as error:  # a plugin's, or the machine's
        return Forecast(title, cells=cells, problem=": ".join(status_of(error)))


def first_readable(images: Sequence[tuple[Example, ...]], prepared: Loaded) -> Picture:
    """An image that is asked about for as many classes as images are on average.

    Raises:
        DataError: none of those tried can be read.
    """
    usual = mean(len(same) for same in images)
    for same in sorted(images, key=lambda same: abs(len(same) - usual))[:PROBES]:
        picture = decode(same, prepared.preprocess)
        if picture.error is None:
            return picture
    raise DataError(f"the first images cannot be read: {picture.error}")


def probe(
    worker: Worker, prepared: Loaded, picture: Picture, wanted: Wanted, found: Forecast
) -> Forecast:
    """Explain and score one image, the stream's forwards counted only."""
    worker.observer.stage("trying one image")
    explainers, metrics = wanted.explainers, wanted.metrics
    began = perf_counter()
    looked = look_at([picture], prepared, wanted.policies, worker.config.seed, worker.device)
    shared, trials = looked.shared, looked.trials
    share(looked.capture, explainers)
    seen = 1 + shared.forwards
    stream = Counting(prepared.network.forward, prepared.width, looked.known)
    explained = explain(looked.capture, explainers, stream)
    asked = stream.forwards + 1 + shared.forwards - seen
    streamed = stream.forwards
    again = askable(explained, prepared, explainers)
    policies = [trial.policies for trial in trials]
    scored = score(explained, metrics, policies, looked.batch, stream, again)
    made = sum(explainer.forwards for explainer in again.values())
    own = perf_counter() - began
    stages = {
        "shared pass": seen,
        "explainers": asked,
        "metrics": stream.forwards - streamed + made,
    }
    each = seconds_of_a_forward(prepared, looked.batch.images[:1])
    usable = [e.name for e in explainers if explained[e.name].maps is not None]
    unsupported = [
        (e.name, "", explained[e.name].outcome.reason)
        for e in explainers
        if explained[e.name].outcome.status == "unsupported"
    ]
    unsupported += [
        (name, metric, outcome.reason)
        for (name, metric), outcome in scored.items()
        if outcome.status == "unsupported" and name in usable
    ]
    return Forecast(
        title=found.title,
        images=found.images,
        cells=found.cells,
        unsupported=tuple(unsupported),
        forwards={stage: count * found.images for stage, count in stages.items()},
        explainers={
            e.name: len(trials) * explained[e.name].outcome.forwards
            for e in explainers
            if e.name in usable
        },
        metrics={
            metric.name: max((scored[name, metric.name].forwards for name in usable), default=0.0)
            for metric in metrics
        },
        seconds=found.images * (own + stream.forwards * each),
    )


class Counting(Stream):
    """A stream that makes no variant: it counts them, and every score is one half."""

    def _score(self, requests: list[Request], answers: "list[Answer[object]]") -> None:  # type: ignore[override]
        for request in requests:
            request.curve[request.rows, request.k] = 0.5
            count = len(request.rows)
            answers[request.task].forwards += count
            self.forwards += count
            for variant, name in request.variants.common.items():
                for row in request.rows[request.k == variant].tolist():
                    key = name, request.batch.ids[row]
                    self.common[key] = self.common["image", request.batch.ids[row]]


def seconds_of_a_forward(prepared: Loaded, image: torch.Tensor) -> float:
    """Of one image in a pass of the width that is going to be used, the fastest of some."""
    images = image.expand(prepared.width, -1, -1, -1).contiguous()
    spent = []
    for _ in range(PROBES):
        began = perf_counter()
        prepared.network.forward(images).sum().item()  # .item() waits for the device
        spent.append(perf_counter() - began)
    return min(spent) / prepared.width
