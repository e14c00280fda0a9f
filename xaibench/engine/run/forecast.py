"""What a run would take: its cells, what is unsupported, its forwards and time, from a few images.

The explainers and metrics run on those images, and what they ask the stream for is counted and not done.
What the run's folder has already is not done again, and so not counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from time import perf_counter

import torch

from xaibench.api.batch import Example
from xaibench.api.errors import DataError
from xaibench.engine.device.devices import device_of
from xaibench.engine.discovery.registry import Registry, installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.outcome import status_of
from xaibench.engine.evaluate.requests import Request
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Answer, Stream
from xaibench.engine.images.pictures import Picture, decode
from xaibench.engine.plan.config import Config
from xaibench.engine.plan.part import WHOLE, Part
from xaibench.engine.plan.plan import Block, plan
from xaibench.engine.plan.resume_rules import refuse_to_follow
from xaibench.engine.work.block_worker import BlockWorker
from xaibench.engine.work.cells import Pair, RequestedCells
from xaibench.engine.work.evaluator import Evaluator, explainers_again
from xaibench.engine.work.messages import SHARED
from xaibench.engine.work.observer import Observer
from xaibench.engine.work.shared_pass import Loaded, run_shared_pass, share
from xaibench.results.folder import PresentImages, RunFolder

TRIED = 3  # images of a block
PROBES = 3  # passes whose fastest tells the time of a forward


@dataclass(frozen=True)
class Forecast:
    """A model on a data set, as it is going to be.

    Args:
        title: "MODEL on DATA".
        images: how many.
        cells: explainers x metrics.
        keys: the content key of each cell, as rows have it, by explainer and metric; that of the
            shared pass is under its rows' names, `shared-pass` and none. Empty where the block
            cannot be loaded: it depends on the weights.
        unsupported: (explainer, metrics' names or "" for all, reason) of those cells that are.
        forwards: of each stage, over all images.
        explainers: forwards of its own that each explainer makes for an image.
        metrics: those that each metric adds for a map, where an earlier one has not made them.
        at_most: the same of metrics that may ask for more, depending on the scores; the others, and
            `forwards` and `seconds`, count the least.
        seconds: expected wall time.
        present: images of which nothing is missing in the folder.
        problem: why the block cannot be worked on; empty where it can.
    """

    title: str
    images: int = 0
    cells: int = 0
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    unsupported: tuple[tuple[str, str, str], ...] = ()
    forwards: dict[str, int] = field(default_factory=dict)
    explainers: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    at_most: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    present: int = 0
    problem: str = ""


def forecast(
    config: Config,
    registry: Registry | None = None,
    observer: Observer | None = None,
    output: Path | None = None,
    part: Part = WHOLE,
) -> list[Forecast]:
    """Of every block of the grid; nothing is written.

    How many forwards an explainer makes may depend on the image (Score-CAM skips constant channels):
    what a few take, of all parts of the data, is multiplied up to their number. That an image is still
    the one that is there is seen by the run alone, and so is whether its maps were kept: explainers
    count though they may then be spared.

    Args:
        config: the settings.
        registry: the plugins; those installed where not given.
        observer: is told what is tried.
        output: the run's folder, of which nothing is done again; None: there is none.
        part: which of the shards.

    Raises:
        ConfigError, UnknownName: as `run` does.
    """
    registry = registry or installed(config.strict)
    todo = plan(config, registry)
    nowhere = Path(config.name())  # nothing is written
    folder = RunFolder(output or nowhere)
    settings = folder.path / "config.toml"
    if output and settings.exists():
        refuse_to_follow(settings, config)
    worker = Evaluator(config, device_of(config.device), nowhere, observer or Observer())
    wanted = RequestedCells.every(todo.explainers, todo.metrics)
    return [forecast_block(worker, block, wanted, folder, part) for block in todo.blocks]


def forecast_block(
    worker: Evaluator, block: Block, wanted: RequestedCells, folder: RunFolder, part: Part
) -> Forecast:
    """One block; what cannot be loaded is its problem."""
    title = f"{block.model.name} on {block.data_name}"
    whole = Forecast(title, cells=len(wanted.pairs))
    work = BlockWorker(block, wanted, worker, folder.path.name)
    if problem := work.load():
        return replace(whole, problem=": ".join(problem))
    try:
        shards = part.shards(len(work.images), worker.config.images_per_shard)
        images = [work.images[i] for shard in shards for i in shard]
        missing = Counter(lacking(images, work, folder.present(work.loaded.provenance.block)))
        present = missing.pop(frozenset(), 0)
        whole = replace(whole, images=len(images), keys=by_explainer(work.cells), present=present)
        if not missing:
            return whole
        pictures = some_readable(images, work.loaded)
        parts = [
            probe(worker, work.loaded, pictures, wanted.only(pairs - {SHARED}, SHARED in pairs), count)
            for pairs, count in missing.most_common()
        ]
    except Exception as error:  # a plugin's, or the machine's
        return Forecast(title, cells=len(wanted.pairs), problem=": ".join(status_of(error)))
    finally:
        work.close()
    return together(whole, parts)


def by_explainer(cells: Mapping[Pair, str]) -> dict[str, dict[str, str]]:
    """Keys under both names, as JSON can have them."""
    reasons: dict[str, dict[str, str]] = {}
    for (explainer, metric), key in cells.items():
        reasons.setdefault(explainer, {})[metric] = key
    return reasons


def lacking(
    images: Sequence[tuple[Example, ...]], work: BlockWorker, present: PresentImages
) -> list[frozenset[Pair]]:
    """Which cells each image lacks."""
    cells_present = [present.get(same[0].id, ("", frozenset[str]()))[1] for same in images]
    groups: dict[frozenset[str], frozenset[Pair]] = {
        has: frozenset(pair for pair, cell in work.cells.items() if cell not in has)
        for has in set(cells_present)
    }
    return [groups[has] for has in cells_present]


def together(whole: Forecast, parts: Sequence[Forecast]) -> Forecast:
    """A block of which some images lack more than others; what most of them lack comes first."""

    def largest(of: Sequence[Mapping[str, float]]) -> dict[str, float]:
        names = [name for one in of for name in one]
        return {name: max(one.get(name, 0.0) for one in of) for name in dict.fromkeys(names)}

    forwards = Counter[str]()
    for part in parts:
        forwards.update(part.forwards)
    return replace(
        whole,
        unsupported=tuple(dict.fromkeys(cell for part in parts for cell in part.unsupported)),
        forwards=dict(forwards),
        explainers=largest([part.explainers for part in parts]),
        metrics=largest([part.metrics for part in parts]),
        at_most=largest([part.at_most for part in parts]),
        seconds=sum(part.seconds for part in parts),
    )


def some_readable(images: Sequence[tuple[Example, ...]], prepared: Loaded) -> list[Picture]:
    """Images that are asked about for as many classes as images are on average, from first to last.

    Raises:
        DataError: none of those tried can be read.
    """
    usual = mean(len(same) for same in images)
    nearest = min(abs(len(same) - usual) for same in images)
    alike = [same for same in images if abs(len(same) - usual) == nearest]
    count = min(TRIED, len(alike))
    spread = [alike[i * (len(alike) - 1) // max(1, count - 1)] for i in range(count)]
    pictures = [decode(same, prepared.preprocess) for same in spread]
    readable = [picture for picture in pictures if picture.error is None]
    if not readable:
        raise DataError(f"the images tried cannot be read: {pictures[0].error}")
    return readable


def probe(
    worker: Evaluator, prepared: Loaded, pictures: Sequence[Picture], wanted: RequestedCells, images: int
) -> Forecast:
    """Explain and score a few images of so many, the stream's forwards counted only."""
    tried = len(pictures)
    worker.observer.stage("trying one image" if tried == 1 else f"trying {tried} images")
    explainers, metrics = wanted.explainers, wanted.metrics
    _ = prepared.width  # measured, and the network prepared, in no image's time
    began = perf_counter()
    shared_batch = run_shared_pass(
        pictures, prepared, wanted.policies, worker.config.seed, worker.device
    )
    shared, trials = shared_batch.shared, shared_batch.trials
    share(shared_batch.capture, explainers)
    before = tried + shared.forwards
    stream = Counting(prepared.network.forward, prepared.width, shared_batch.known)
    explained = explain(shared_batch.capture, explainers, stream)
    by_explainers = stream.forwards + tried + shared.forwards - before
    streamed = stream.forwards
    again = explainers_again(explained, prepared, explainers)
    policies = [trial.policies for trial in trials]
    scored = score(explained, metrics, policies, shared_batch.batch, stream, again)
    by_metrics = sum(explainer.forwards for explainer in again.values())
    own = perf_counter() - began
    jagged = Counting(prepared.network.forward, prepared.width, shared_batch.known, scores=(0.25, 0.75))
    streaming = [metric for metric in metrics if "explainer" not in metric.needs]
    most = score(explained, streaming, policies, shared_batch.batch, jagged)
    stages = {
        "shared pass": before,
        "explainers": by_explainers,
        "metrics": stream.forwards - streamed + by_metrics,
    }
    each = seconds_of_a_forward(prepared, shared_batch.batch.images[:1])
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
    least, greatest = (
        {
            metric.name: max((of[name, metric.name].forwards for name in usable), default=0.0)
            for metric in some
        }
        for of, some in ((scored, metrics), (most, streaming))
    )
    return Forecast(
        title="",
        unsupported=tuple(unsupported),
        forwards={stage: round(count * images / tried) for stage, count in stages.items()},
        explainers={
            e.name: len(trials) * explained[e.name].outcome.forwards / tried
            for e in explainers
            if e.name in usable
        },
        metrics=least,
        at_most={name: count for name, count in greatest.items() if count > least[name]},
        seconds=images * (own + stream.forwards * each) / tried,
    )


@dataclass
class Counting(Stream):
    """A stream that makes no variant: it counts them.

    Args:
        scores: of variants, in turn.
    """

    scores: tuple[float, ...] = (0.5,)

    def _score(self, requests: list[Request], answers: "list[Answer[object]]") -> None:  # type: ignore[override]
        for request in requests:
            scores = torch.tensor(self.scores).to(request.curve)
            request.curve[request.rows, request.k] = scores[request.k % len(scores)]
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
