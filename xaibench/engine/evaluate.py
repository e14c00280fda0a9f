"""One shard: some images of one data set through one model, all explainers and all metrics.

The only place that catches what a plugin raises: it becomes rows, and the rest goes on.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.errors import PluginError, Undefined, Unsupported
from xaibench.api.maps import flat, rescale, upsample
from xaibench.api.specs import Explainer, Metric
from xaibench.api.types import Curves, Flags, GridMaps, Maps, Scores
from xaibench.api.variants import Asks, Variants
from xaibench.engine.plan import why_unsupported
from xaibench.engine.stream import Answer, Stream, Task

UNANNOTATED = "no box or mask of the target class"


@dataclass
class Outcome:
    """What came of one explainer or one metric on some trials.

    Args:
        rows: which trials of the batch it was asked about.
        values: maps or scores of those trials; None where it failed as a whole.
        status, reason: of the whole.
        ms, forwards, backwards: for one trial, on average.
        odd: (status, reason) of single trials, by their place in `rows`.
        remarks: what the method said of trials that went well, likewise.
    """

    rows: list[int]
    values: Tensor | None = None
    status: str = "ok"
    reason: str = ""
    ms: float = 0.0
    forwards: float = 0.0
    backwards: float = 0.0
    odd: dict[int, tuple[str, str]] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)


@dataclass
class Explained:
    """One explainer's maps, rescaled to [0, 1] at the images' resolution, and which are constant."""

    outcome: Outcome
    maps: Maps | None = None
    degenerate: Flags | None = None


@dataclass(frozen=True)
class Evaluation:
    """What one shard came to: maps by explainer, scores by explainer and metric."""

    explained: dict[str, Explained]
    scored: dict[tuple[str, str], Outcome]


def explain(capture: Capture, explainers: Sequence[Explainer], stream: Stream) -> dict[str, Explained]:
    """Maps of every explainer; those that ask for forwards share the stream's passes."""
    rows = list(range(len(capture.batch.ids)))
    outcomes = {explainer.name: Outcome(rows) for explainer in explainers}
    tasks: list[Task[GridMaps]] = []
    asking = []
    for explainer in explainers:
        outcome = outcomes[explainer.name]
        reason = why_unsupported(explainer, capture.classifier)
        if reason:
            outcome.status, outcome.reason = "unsupported", reason
            continue
        if "region" in explainer.needs and not mark_unknown(outcome, capture.batch):
            continue
        try:
            with charged(outcome, capture):
                said = explainer.load()(capture)
        except Exception as error:  # a plugin's
            outcome.status, outcome.reason = status_of(error)
            continue
        if isinstance(said, Generator):
            tasks.append(Task(metered(said, outcome, capture), capture.batch))
            asking.append(explainer.name)
        else:
            outcome.values = said
    for name, answer in zip(asking, stream.drive(tasks), strict=True):
        conclude(outcomes[name], answer)
    size = capture.batch.images.shape[2:]
    return {name: finish(name, outcome, size) for name, outcome in outcomes.items()}


@contextmanager
def charged(outcome: Outcome, capture: Capture) -> Iterator[None]:
    """Put the time, the capture's passes and the remarks of what is done inside down to `outcome`."""
    shared, count = capture.shared, len(outcome.rows)
    forwards, backwards, began = shared.forwards, shared.backwards, perf_counter()
    try:
        yield
    finally:
        outcome.ms += 1e3 * (perf_counter() - began) / count
        outcome.forwards += (shared.forwards - forwards) / count
        outcome.backwards += (shared.backwards - backwards) / count
        outcome.remarks |= capture.remarks
        capture.remarks.clear()


def metered(
    method: Asks[GridMaps], outcome: Outcome, capture: Capture
) -> Generator[Variants, Curves, GridMaps]:
    """`method`, what it does between its requests put down to `outcome`."""
    try:
        with charged(outcome, capture):
            asked = next(method)
        while True:
            curve = yield asked
            with charged(outcome, capture):
                asked = method.send(curve)
    except StopIteration as stop:
        found: GridMaps = stop.value
        return found
    finally:
        method.close()


def mark_unknown(outcome: Outcome, batch: Batch) -> bool:
    """Mark the trials whose target class is not annotated as undefined; whether any is left."""
    why = ("undefined", UNANNOTATED)
    outcome.odd = {
        place: why
        for place, row in enumerate(outcome.rows)
        if not batch.regions or not batch.regions[row].known
    }
    if len(outcome.odd) == len(outcome.rows):
        outcome.status, outcome.reason = why
        return False
    return True


def score(
    explained: Mapping[str, Explained],
    metrics: Sequence[Metric],
    policies: Sequence[frozenset[str]],
    batch: Batch,
    stream: Stream,
) -> dict[tuple[str, str], Outcome]:
    """Every metric on every explainer's maps, all in the same stream.

    Args:
        explained: the maps, by explainer.
        metrics: each asked about the trials of its target policy.
        policies: why each trial is asked about.
        batch: the trials.
        stream: scores the variants that metrics ask for.

    Returns:
        By the names of explainer and metric.
    """
    tasks: list[Task[Scores]] = []
    asking: list[tuple[str, str]] = []
    scored: dict[tuple[str, str], Outcome] = {}
    for name, maps in explained.items():
        for metric in metrics:
            rows = [i for i, found in enumerate(policies) if metric.target in found]
            scored[name, metric.name], task = begin(metric, rows, maps, batch)
            if task is not None:
                tasks.append(task)
                asking.append((name, metric.name))
    for key, answer in zip(asking, stream.drive(tasks), strict=True):
        conclude(scored[key], answer)
    for (_, name), outcome in scored.items():
        check_scores(outcome, name)
    return scored


def finish(name: str, outcome: Outcome, size: Sequence[int]) -> Explained:
    """Check an explainer's maps, upsample and rescale them, the same way for all."""
    if outcome.status != "ok":
        return Explained(outcome)
    try:
        maps = check_maps(name, outcome)
    except PluginError as error:
        outcome.status, outcome.reason = status_of(error)
        return Explained(outcome)
    whole = upsample(maps, size)
    return Explained(outcome, rescale(whole), flat(maps))


def check_maps(name: str, outcome: Outcome) -> GridMaps:
    """The maps, those with NaN or infinity set to zero and reported.

    Raises:
        PluginError: not one (h, w) map a trial.
    """
    maps, count = outcome.values, len(outcome.rows)
    if not isinstance(maps, Tensor):
        raise PluginError(
            f"explainer {name!r} returned {type(maps).__name__}; expected a tensor ({count}, h, w)"
        )
    if maps.ndim != 3 or len(maps) != count:
        raise PluginError(
            f"explainer {name!r} returned {tuple(maps.shape)}; expected ({count}, h, w), "
            "one map an image"
        )
    finite = maps.isfinite().flatten(1).all(1)
    for i in (~finite).nonzero().flatten().tolist():
        outcome.odd[i] = (
            "failed",
            f"PluginError: explainer {name!r} returned a map with NaN or infinity for this image",
        )
    return torch.where(finite[:, None, None], maps, 0).float()


def begin(
    metric: Metric, rows: list[int], explained: Explained, batch: Batch
) -> tuple[Outcome, Task[Scores] | None]:
    """Ask a metric about an explainer's maps; what asks for forwards is returned as a task."""
    parent = explained.outcome
    if parent.status != "ok" or explained.maps is None:
        return Outcome(rows, status=parent.status, reason=parent.reason), None
    outcome = Outcome(rows)
    odd = {row: parent.odd[row] for row in rows if row in parent.odd}
    if "region" in metric.needs:
        for row in rows:
            if not batch.regions or not batch.regions[row].known:
                odd.setdefault(row, ("undefined", UNANNOTATED))
    asked = [row for row in rows if row not in odd]
    outcome.odd = {rows.index(row): why for row, why in odd.items()}
    outcome.values = explained.maps.new_full((len(rows),), torch.nan)
    if not asked:
        return outcome, None
    began = perf_counter()
    some = batch.select(asked)
    try:
        said: Any = metric.load()(explained.maps[asked], some)
    except Exception as error:  # a plugin's
        outcome.status, outcome.reason = status_of(error)
        return outcome, None
    outcome.ms = 1e3 * (perf_counter() - began) / len(asked)
    if isinstance(said, Generator):
        return outcome, Task(said, some)
    conclude(outcome, Answer(value=said))
    return outcome, None


def conclude(outcome: Outcome, answer: Answer[Tensor]) -> None:
    """Put what a method returned, raised and cost into its outcome."""
    count = max(1, len(outcome.rows) - len(outcome.odd))
    outcome.forwards += answer.forwards / count
    outcome.ms += 1e3 * answer.seconds / count
    if answer.error is not None:
        outcome.status, outcome.reason = status_of(answer.error)
    elif outcome.values is None:
        outcome.values = answer.value
    else:
        asked = [i for i in range(len(outcome.rows)) if i not in outcome.odd]
        if not isinstance(answer.value, Tensor) or tuple(answer.value.shape) != (len(asked),):
            found = tuple(getattr(answer.value, "shape", ())) or type(answer.value).__name__
            outcome.status = "failed"
            outcome.reason = f"PluginError: the metric returned {found}; expected ({len(asked)},)"
        else:
            outcome.values[asked] = answer.value.to(outcome.values)


def check_scores(outcome: Outcome, metric: str) -> None:
    """A score that is no number is undefined, and says so."""
    if outcome.status != "ok" or outcome.values is None:
        return
    for i in (~outcome.values.isfinite()).nonzero().flatten().tolist():
        outcome.odd.setdefault(i, ("undefined", f"metric {metric!r} returned NaN or infinity"))


def status_of(error: Exception) -> tuple[str, str]:
    """The status and reason that an error becomes."""
    if isinstance(error, Unsupported):
        return "unsupported", str(error)
    if isinstance(error, Undefined):
        return "undefined", str(error)
    return "failed", f"{type(error).__name__}: {error}".strip()
