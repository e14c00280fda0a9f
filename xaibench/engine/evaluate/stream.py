"""Scores the variants that methods ask for, all together, in passes of one width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.types import Curves, Images, Logits
from xaibench.api.variants import Asks, Variants
from xaibench.engine.device.memory import out_of_memory
from xaibench.engine.device.timing import Span, mark
from xaibench.engine.evaluate.requests import (
    Key,
    PassShare,
    Request,
    build,
    followers_of,
    passes,
    send,
    target_scores,
)

T = TypeVar("T")
BUILT_BYTES = 16 * 2**20  # of variants built in one call: a build() has costs of its own
Forward = Callable[[Images], Logits]
Common = dict[tuple[str, str], Tensor]  # logits of a variant that no method owns, by name and image


@dataclass(frozen=True)
class Task(Generic[T]):
    """A method that asks for forwards, and the batch that it asks about.

    Args:
        owner: whose maps it asks about: variants of one name are scored once for one owner.
        targets: the batch's, on the host, where they are known there.
    """

    method: Asks[T]
    batch: Batch
    owner: str = ""
    targets: Sequence[int] | None = None


@dataclass
class Answer(Generic[T]):
    """What a method returned or raised, the forwards made for it, and its parts of passes' time."""

    value: T | None = None
    error: Exception | None = None
    forwards: int = 0
    spans: list[Span] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Its part of the time; asking waits until its last pass is done."""
        return sum((span.seconds for span in self.spans), 0.0)


@dataclass
class Stream:
    """Fills its passes with the variants of every method that is asking.

    Args:
        forward: images to logits.
        width: how many images a pass takes; fewer where memory has run out.
        common: logits known already, such as ("image", id) from the shared pass.
        on_pass: called after each pass with the number of images in it.
        timeout: seconds that building one request's variants may take at once; 0: any.
        ahead: bytes of variants that may be built in one call, for passes to come.
    """

    forward: Forward
    width: int
    common: Common = field(default_factory=dict)
    on_pass: Callable[[int], None] = lambda images: None
    forwards: int = 0
    curves: dict[Key, Tensor] = field(default_factory=dict)
    timeout: float = 0
    ahead: int = BUILT_BYTES

    def drive(self, tasks: Sequence[Task[T]]) -> list[Answer[T]]:
        """Run methods side by side until each has returned or raised; one error stops one method."""
        answers: list[Answer[T]] = [Answer() for _ in tasks]
        requests = self._resume(tasks, answers, dict.fromkeys(range(len(tasks))))
        while requests:
            self._score(requests, answers)
            curves = {}
            for request in requests:  # who lends comes before those who borrow
                if self._take_over(request):
                    self._score([request], answers)
                if request.failed is not None:
                    answers[request.task].error = request.failed
                    tasks[request.task].method.close()
                else:
                    curves[request.task] = self._complete(request)
            requests = self._resume(tasks, answers, curves)
        return answers

    def _resume(
        self,
        tasks: Sequence[Task[T]],
        answers: list[Answer[T]],
        curves: "dict[int, Curves] | dict[int, None]",
    ) -> list[Request]:
        """Send each method its curve; what those ask next that have not finished."""
        requests = []
        claimed: set[tuple[str, str] | Key] = set()
        for i, curve in curves.items():
            try:
                variants = tasks[i].method.send(curve)  # type: ignore[arg-type]
                requests.append(self._request(i, tasks[i], variants, claimed))
            except StopIteration as stop:
                answers[i].value = stop.value
            except Exception as error:  # a plugin's; the engine's cell makes a row of it
                answers[i].error = error
        return requests

    def _request(
        self, number: int, task: Task[T], variants: Variants, claimed: set[tuple[str, str] | Key]
    ) -> Request:
        batch = task.batch
        images = len(batch.ids)
        count = variants.count
        counts = [count] * images if isinstance(count, int) else list(count)
        rows = np.arange(images).repeat(counts)
        k = np.concatenate([np.arange(n) for n in (0, *counts)])
        keys = _keys(task, variants)
        borrowed = [row for row, key in enumerate(keys) if key in self.curves or key in claimed]
        claimed |= set(keys)
        asking = [row for row in range(images) if row not in borrowed]
        followers = followers_of(batch, counts, asking) if variants.any_class else {}
        following = [row for some in followers.values() for row in some]
        if spared := [*borrowed, *following]:
            keep = ~np.isin(rows, spared)
            rows, k = rows[keep], k[keep]
        known = []
        for variant, name in variants.common.items():
            for row, image in enumerate(batch.ids):
                if row in borrowed:
                    continue
                if (name, image) in self.common or (name, image) in claimed:
                    known.append((row, variant, name))
                claimed.add((name, image))
        longest = max(counts, default=0)
        if known:
            keep = ~np.isin(rows * longest + k, [row * longest + variant for row, variant, _ in known])
            rows, k = rows[keep], k[keep]
        curve = batch.images.new_full((images, longest), torch.nan)
        return Request(number, batch, variants, rows, k, counts, known, curve, keys, borrowed, followers)

    def _score(self, requests: list[Request], answers: list[Answer[T]]) -> None:
        for parts in passes(requests, lambda: self.width):
            device = parts[0].request.batch.images.device
            began = mark(device)
            built = [piece for part in parts for piece in self._build(part)]
            if not built:
                continue
            batches = [images for _, images in built]
            logits = self._forward(torch.cat(batches) if len(batches) > 1 else batches[0])
            first = 0
            for part, images in built:
                self._keep(part, logits[first : first + len(images)])
                first += len(images)
            ended = mark(device)
            for part, images in built:
                answer = answers[part.request.task]
                answer.forwards += len(images)
                answer.spans.append(Span(began, ended, len(images) / first))
            self.forwards += first
            self.on_pass(first)

    def _build(self, part: PassShare) -> list[tuple[PassShare, Images]]:
        """A part and its variants; none where its method has failed.

        Where memory runs out, parts of it: fewer are built at once, now and from now on.
        """
        request, count = part.request, part.at_once(self.ahead)
        if request.failed is not None:
            return []
        if len(part) > self.width:
            return [piece for some in part.split(self.width) for piece in self._build(some)]
        try:
            return [(part, build(part, count, self.timeout))]
        except Exception as error:  # a plugin's; the engine's cell makes a row of it
            if count < 2 or not out_of_memory(error):
                request.failed = error
                return []
        half = -(-count // 2)
        self.ahead = half * request.bytes_of_one
        if half < len(part):
            self.width = min(self.width, half)
        return self._build(part)

    def _forward(self, images: Images) -> Logits:
        """Logits; where memory runs out, in passes of half the width, now and from now on."""
        if len(images) > self.width:
            return torch.cat([self._forward(some) for some in images.split(self.width)])
        try:
            return self.forward(images)
        except Exception as error:
            if len(images) < 2 or not out_of_memory(error):
                raise
        self.width = -(-len(images) // 2)
        return self._forward(images)

    def _take_over(self, request: Request) -> bool:
        """Ask for the variants that another method was to make and, having failed, has not."""
        ids = request.batch.ids
        lost = [cell for cell in request.known if (cell[2], ids[cell[0]]) not in self.common]
        alone = [row for row in request.borrowed if request.keys[row] not in self.curves]
        if request.failed is not None or not (lost or alone):
            return False
        request.borrowed = [row for row in request.borrowed if row not in alone]
        cells = [(row, variant) for row, variant, _ in lost]
        cells += [(row, variant) for row in alone for variant in range(request.counts[row])]
        request.ask(*np.array(sorted(cells)).T)
        return True

    def _keep(self, part: PassShare, logits: Logits) -> None:
        request, first = part.request, part.row
        variants = request.variants
        for row in (first, *request.followers.get(first, ())):
            targets = request.batch.targets[row].expand(len(logits))
            scores = target_scores(logits, variants.score, targets)
            request.curve[row, request.sent[part.cells]] = scores.to(request.curve)
        k = request.k[part.cells]
        for variant, name in variants.common.items():
            for i in np.flatnonzero(k == variant):
                self.common[name, request.batch.ids[first]] = logits[i]

    def _complete(self, request: Request) -> Curves:
        if request.known:
            known = [self.common[name, request.batch.ids[row]] for row, _, name in request.known]
            device = request.curve.device
            rows = send([row for row, _, _ in request.known], device)
            k = send([variant for _, variant, _ in request.known], device)
            targets = request.batch.targets[rows]
            scores = target_scores(torch.stack(known), request.variants.score, targets)
            request.curve[rows, k] = scores.to(request.curve)
        for row in request.borrowed:
            request.curve[row] = self.curves[request.keys[row]]
        self.curves |= dict(zip(request.keys, request.curve.clone(), strict=False))
        return request.curve


def _keys(task: Task[T], variants: Variants) -> list[Key]:
    if not (task.owner and variants.name):
        return []
    targets = task.batch.targets.tolist() if task.targets is None else task.targets
    pairs = zip(task.batch.ids, targets, strict=True)
    return [(task.owner, variants.name, variants.score, image, target) for image, target in pairs]
