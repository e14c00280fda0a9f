"""All metrics on all maps of some trials. What a plugin raises here becomes an outcome."""

from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import torch

from xaibench.api.batch import Batch
from xaibench.api.specs import Metric
from xaibench.api.types import Maps, Scores
from xaibench.engine.device.time_limit import time_limit
from xaibench.engine.device.timing import Span, mark
from xaibench.engine.evaluate.explaining import Again, metered
from xaibench.engine.evaluate.outcome import UNANNOTATED, Explained, Outcome, conclude, fail
from xaibench.engine.evaluate.stream import Answer, Stream, Task


def score(
    explained: Mapping[str, Explained],
    metrics: Sequence[Metric],
    policies: Sequence[frozenset[str]],
    batch: Batch,
    stream: Stream,
    again: Mapping[str, Again] | None = None,
    pairs: Container[tuple[str, str]] | None = None,
) -> dict[tuple[str, str], Outcome]:
    """Every metric on every explainer's maps, all in the same stream.

    Args:
        explained: the maps, by explainer.
        metrics: each asked about the trials of its target policy.
        policies: why each trial is asked about.
        batch: the trials.
        stream: scores the variants that metrics ask for.
        again: the explainers, for metrics that ask them again.
        pairs: names of explainers and metrics that are wanted; all where not given.

    Returns:
        By the names of explainer and metric.

    Raises:
        OutOfMemory: a metric ran out of memory with several images; fewer may do.
    """
    scored: dict[tuple[str, str], Outcome] = {}
    tasks: dict[tuple[str, str], Task[Scores]] = {}
    batches = Selections(batch, batch.targets.tolist())
    spent: list[tuple[Outcome, Span]] = []
    for name, explanation in explained.items():
        questions = Questions(name, explanation, batches, spent, (again or {}).get(name), stream.timeout)
        for metric in metrics:
            if pairs is not None and (name, metric.name) not in pairs:
                continue
            rows = [i for i, reasons in enumerate(policies) if metric.target in reasons]
            scored[name, metric.name], task = questions.begin(metric, rows)
            if task is not None:
                tasks[name, metric.name] = task
    for key, answer in zip(tasks, stream.drive(list(tasks.values())), strict=True):
        conclude(scored[key], answer, tasks[key].batch)
    for outcome, span in spent:  # read at the end: to read them a GPU is waited for
        outcome.ms += 1e3 * span.seconds
    for (_, name), outcome in scored.items():
        check_scores(outcome, name)
    return scored


@dataclass(frozen=True)
class Selections:
    """Parts of a batch, each made once: metrics that ask about the same trials get the same one.

    Args:
        batch: the trials.
        targets: the batch's, on the host.
    """

    batch: Batch
    targets: Sequence[int]
    cached: dict[tuple[int, ...], Batch] = field(default_factory=dict)

    def of(self, rows: Sequence[int]) -> Batch:
        """The trials in `rows`."""
        key = tuple(rows)
        if key not in self.cached:
            self.cached[key] = self.batch.select(rows)
        return self.cached[key]


@dataclass(frozen=True)
class Questions:
    """What metrics ask about one explainer's maps.

    Args:
        name: of the explainer.
        explained: its maps.
        batches: the trials.
        spent: is told what metrics' own code took for a trial.
        again: the explainer, to be asked again; None where there are only maps.
        timeout: seconds that a metric's own code may take in all; 0: any.
        cached: the maps of some trials, each selection made once, so that what a metric finds in it (a
            ranking of the pixels) can be remembered for the next.
    """

    name: str
    explained: Explained
    batches: Selections
    spent: list[tuple[Outcome, Span]]
    again: Again | None = None
    timeout: float = 0
    cached: dict[tuple[int, ...], Maps] = field(default_factory=dict)

    def begin(self, metric: Metric, rows: list[int]) -> tuple[Outcome, Task[Scores] | None]:
        """Ask a metric about some trials; what asks for forwards is returned as a task."""
        parent, maps = self.explained.outcome, self.explained.maps
        if parent.status != "ok" or maps is None:
            return Outcome(rows, status=parent.status, reason=parent.reason), None
        outcome = Outcome(rows)
        asked_rows = self.rows_asked_about(metric, outcome)
        # On the host: a metric's scores come there in one transfer, and are then read one by one.
        outcome.values = torch.full((len(rows),), torch.nan, dtype=maps.dtype)
        if not asked_rows:
            return outcome, None
        if tuple(asked_rows) not in self.cached:
            self.cached[tuple(asked_rows)] = maps[asked_rows]
        some, batch = self.cached[tuple(asked_rows)], self.batches.of(asked_rows)
        if "explainer" in metric.needs and self.again is None:
            outcome.status = "unsupported"
            outcome.reason = "it asks the explainer again, and there are only maps"
            return outcome, None
        more = (self.again,) if "explainer" in metric.needs else ()
        charge = partial(self.charged, outcome, len(asked_rows))
        try:
            with charge():
                answer: Any = metric.load()(some, batch, *more)
        except Exception as error:  # a plugin's
            fail(outcome, error, batch)
            return outcome, None
        if isinstance(answer, Generator):
            targets = [self.batches.targets[row] for row in asked_rows]
            return outcome, Task(metered(answer, charge), batch, self.name, targets)
        conclude(outcome, Answer(value=answer), batch)
        return outcome, None

    def rows_asked_about(self, metric: Metric, outcome: Outcome) -> list[int]:
        """Which trials it can be asked about; the others become odd."""
        odd = self.explained.outcome.odd
        regions = self.batches.batch.regions
        for place, row in enumerate(outcome.rows):
            if row in odd:
                outcome.odd[place] = odd[row]
            elif "region" in metric.needs and not (regions and regions[row].known):
                outcome.odd[place] = ("undefined", UNANNOTATED)
        return [row for place, row in enumerate(outcome.rows) if place not in outcome.odd]

    @contextmanager
    def charged(self, outcome: Outcome, count: int) -> Iterator[None]:
        """Put the time, and the passes of the explainer asked again, down to a metric's outcome."""
        again, device = self.again, self.batches.batch.images.device
        before = (again.forwards, again.backwards) if again else (0, 0)
        began, host_began = mark(device), perf_counter()
        try:
            with time_limit(self.timeout, outcome.own):
                yield
        finally:
            self.spent.append((outcome, Span(began, mark(device), 1 / count)))
            outcome.own += perf_counter() - host_began
            if again:
                outcome.forwards += (again.forwards - before[0]) / count
                outcome.backwards += (again.backwards - before[1]) / count


def check_scores(outcome: Outcome, metric: str) -> None:
    """A score that is no number is undefined, and says so."""
    if outcome.status != "ok" or outcome.values is None:
        return
    for i in (~outcome.values.isfinite()).nonzero().flatten().tolist():
        outcome.odd.setdefault(i, ("undefined", f"metric {metric!r} returned NaN or infinity"))
