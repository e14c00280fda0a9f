"""All explainers on some trials. What a plugin raises here becomes an outcome, and the rest goes on."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError
from xaibench.api.explaining import Cost
from xaibench.api.maps import flat, rescale, upsample
from xaibench.api.specs import Explainer, Modified
from xaibench.api.types import Curves, GridMaps, Images, Logits, Maps
from xaibench.api.variants import Asks, Variants
from xaibench.engine.device.time_limit import time_limit
from xaibench.engine.device.timing import Span, mark
from xaibench.engine.evaluate.needs import why_unsupported
from xaibench.engine.evaluate.other_networks import OtherNetworks
from xaibench.engine.evaluate.outcome import (
    Explained,
    Outcome,
    conclude,
    fail,
    mark_unknown,
    raise_wrong,
    status_of,
)
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.results.keys import content_key, identity

T = TypeVar("T")


def explain(capture: Capture, explainers: Sequence[Explainer], stream: Stream) -> dict[str, Explained]:
    """Maps of every explainer; those that ask for forwards share the stream's passes.

    What several modified explainers modify, or is asked for itself, is explained once: they are given
    its maps, and its cost counts as theirs too.

    Raises:
        OutOfMemory: one of them ran out of memory with several images; fewer may do.
    """
    outcomes: dict[str, Outcome] = {}
    for specs in by_depth(explainers):
        explain_together(capture, specs, stream, outcomes)
    size = capture.batch.images.shape[2:]
    return {spec.name: finish(spec.name, outcomes[known_as(spec)], size) for spec in explainers}


def by_depth(explainers: Sequence[Explainer]) -> list[list[Explainer]]:
    """Each explainer once, after what it modifies, where another needs that too."""
    specs = {known_as(spec): spec for spec in explainers}
    below = [spec.explainer for spec in specs.values() if isinstance(spec, Modified)]
    times = Counter(known_as(spec) for spec in below)
    specs |= {known_as(spec): spec for spec in below if times[known_as(spec)] > 1}
    depths = {known: depth(spec) for known, spec in specs.items()}
    levels = sorted(set(depths.values()))
    return [[specs[known] for known in specs if depths[known] == level] for level in levels]


def depth(explainer: Explainer) -> int:
    """How many modifiers it is under."""
    return 1 + depth(explainer.explainer) if isinstance(explainer, Modified) else 0


def known_as(explainer: Explainer) -> str:
    """The same for explainers that do the same, whatever they are called."""
    return content_key(explainer.at, explainer.name, identity(explainer))


def explain_together(
    capture: Capture, explainers: Sequence[Explainer], stream: Stream, outcomes: dict[str, Outcome]
) -> None:
    """What comes of some explainers, none of which modifies another, put into `made`.

    Raises:
        OutOfMemory: one of them ran out of memory with several images; fewer may do.
    """
    rows = list(range(len(capture.batch.ids)))
    tasks: list[Task[GridMaps]] = []
    asking: list[Outcome] = []
    for explainer in explainers:
        outcome = outcomes[known_as(explainer)] = Outcome(rows)
        reason = why_unsupported(explainer, capture.classifier)
        if reason:
            outcome.status, outcome.reason = "unsupported", reason
            continue
        if "region" in explainer.needs and not mark_unknown(outcome, capture.batch):
            continue
        try:
            with charged(outcome, capture, stream.timeout):
                answer = loaded(explainer, capture, outcome, outcomes)(capture)
        except Exception as error:  # a plugin's
            fail(outcome, error, capture.batch)
            continue
        if isinstance(answer, Generator):
            charge = partial(charged, outcome, capture, stream.timeout)
            tasks.append(Task(metered(answer, charge), capture.batch))
            asking.append(outcome)
        else:
            outcome.values = answer
    for outcome, answer in zip(asking, stream.drive(tasks), strict=True):
        conclude(outcome, answer, capture.batch)


def loaded(
    explainer: Explainer, capture: Capture, outcome: Outcome, outcomes: Mapping[str, Outcome]
) -> Callable[[Capture], Any]:
    """The explainer's function; one that is modified and was explained already is not run again."""
    if not isinstance(explainer, Modified):
        return explainer.load()
    below = outcomes.get(known_as(explainer.explainer))
    if below is None:
        return explainer.load()
    plain = explainer.explainer.load()

    def explained(other_capture: Capture) -> Any:
        if other_capture is not capture:
            return plain(other_capture)
        outcome.ms += below.ms
        outcome.forwards += below.forwards
        outcome.backwards += below.backwards
        outcome.remarks |= below.remarks
        raise_wrong(replace(below, odd={}))
        return below.values

    modified_explainer: Callable[[Capture], Any] = explainer.modifier.load()(explained)
    return modified_explainer


@contextmanager
def charged(outcome: Outcome, capture: Capture, timeout: float = 0) -> Iterator[None]:
    """Put the time, the capture's passes and the remarks of what is done inside down to `outcome`.

    It is stopped where that, and what was done before, takes longer than `timeout` seconds; 0: never.
    """
    shared, count = capture.shared, len(outcome.rows)
    forwards, backwards, device = shared.forwards, shared.backwards, capture.batch.images.device
    began, host_began = mark(device), perf_counter()
    try:
        with time_limit(timeout, outcome.own):
            yield
    finally:
        outcome.ms += 1e3 * Span(began, mark(device)).seconds / count
        outcome.own += perf_counter() - host_began
        outcome.forwards += (shared.forwards - forwards) / count
        outcome.backwards += (shared.backwards - backwards) / count
        outcome.remarks |= capture.remarks
        capture.remarks.clear()


def metered(
    method: Asks[T], charge: Callable[[], AbstractContextManager[None]]
) -> Generator[Variants, Curves, T]:
    """`method`, what it does between its requests done inside `charge()`."""
    try:
        with charge():
            variants = next(method)
        while True:
            curve = yield variants
            with charge():
                variants = method.send(curve)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        method.close()


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
    return Explained(outcome, rescale(whole), flat(maps).cpu())


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


@dataclass
class Again:
    """An explainer on a model, for metrics that ask it again; see `xaibench.api.explaining.Explaining`.

    Args:
        spec: the explainer.
        classifier: the model, as it was loaded.
        width: how many images a pass takes.
        cost: what the maps that are scored took.
        prepared: a copy of the model that computes the same sooner, where there is one.
        others: what other networks did, where several explainers ask the same of them.
        forwards, backwards: made so far, forwards counted in images.
    """

    spec: Explainer
    classifier: Classifier
    width: int
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0))
    prepared: Classifier | None = None
    others: OtherNetworks = field(default_factory=OtherNetworks)
    forwards: int = 0
    backwards: int = 0

    @property
    def name(self) -> str:
        """Of the explainer."""
        return self.spec.name

    def maps(self, batch: Batch, classifier: Classifier | None = None) -> Maps:
        """Maps of these trials, rescaled; raises what went wrong with any of them."""
        if classifier is None:
            classifier = self.prepared or self.classifier
            self.forwards += len(batch.ids)
            return self._made(Capture(classifier, batch))
        known = self.others.maps(self.name, classifier, batch)
        if known is None:
            shared, forwards = self.others.forward(classifier, batch.images)
            self.forwards += forwards
            known = self._made(Capture(classifier, batch, shared))
            self.others.keep(classifier, batch, known)
        return known

    def _made(self, capture: Capture) -> Maps:
        shared = capture.shared
        forwards, backwards = shared.forwards, shared.backwards
        stream = Stream(capture.classifier.logits, self.width)
        explained = explain(capture, [self.spec], stream)[self.name]
        self.forwards += shared.forwards - forwards + stream.forwards
        self.backwards += shared.backwards - backwards
        raise_wrong(explained.outcome)
        assert explained.maps is not None
        return explained.maps

    def logits(self, images: Images) -> Logits:
        """Class scores by the model's own network, (B, C)."""
        self.forwards += len(images)
        return (self.prepared or self.classifier).logits(images)
