"""Scores the variants that methods ask for, all together, in passes of one width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Generic, TypeVar

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.types import Curves, Images, Logits
from xaibench.api.variants import Asks, Variants
from xaibench.engine.memory import out_of_memory
from xaibench.engine.requests import Key, Request, build, followers_of, passes, target_scores

T = TypeVar("T")
BUILT_BYTES = 16 * 2**20  # of variants built in one call: a build() has costs of its own
Forward = Callable[[Images], Logits]
Common = dict[tuple[str, str], Tensor]  # logits of a variant that no method owns, by name and image


@dataclass(frozen=True)
class Task(Generic[T]):
    """A method that asks for forwards, and the batch that it asks about.

    Args:
        owner: whose maps it asks about: variants of one name are scored once for one owner.
    """

    method: Asks[T]
    batch: Batch
    owner: str = ""


@dataclass
class Answer(Generic[T]):
    """What a method returned or raised, the forwards made for it, and its part of the time."""

    value: T | None = None
    error: Exception | None = None
    forwards: int = 0
    seconds: float = 0.0


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
                asked = tasks[i].method.send(curve)  # type: ignore[arg-type]
                requests.append(self._request(i, tasks[i], asked, claimed))
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
        counts = torch.tensor([count] * images if isinstance(count, int) else list(count))
        rows = torch.arange(images).repeat_interleave(counts)
        first = (counts.cumsum(0) - counts).repeat_interleave(counts)
        k = torch.arange(len(rows)) - first
        keys = _keys(task, variants)
        borrowed = [row for row, key in enumerate(keys) if key in self.curves or key in claimed]
        claimed |= set(keys)
        asking = [row for row in range(images) if row not in borrowed]
        followers = followers_of(batch, counts.tolist(), asking) if variants.any_class else {}
        following = [row for some in followers.values() for row in some]
        if spared := [*borrowed, *following]:
            keep = ~torch.isin(rows, torch.tensor(spared))
            rows, k = rows[keep], k[keep]
        known = []
        for variant, name in variants.common.items():
            for row, image in enumerate(batch.ids):
                if row in borrowed:
                    continue
                if (name, image) in self.common or (name, image) in claimed:
                    known.append((row, variant, name))
                claimed.add((name, image))
        longest = int(counts.max()) if images else 0
        if known:
            drop = torch.tensor([row * longest + variant for row, variant, _ in known])
            keep = ~torch.isin(rows * longest + k, drop)
            rows, k = rows[keep], k[keep]
        curve = batch.images.new_full((images, longest), torch.nan)
        return Request(number, batch, variants, rows, k, counts, known, curve, keys, borrowed, followers)

    def _score(self, requests: list[Request], answers: list[Answer[T]]) -> None:
        for parts in passes(requests, self.width):
            began = perf_counter()
            built = [(part, build(part, self.ahead, self.timeout)) for part in parts]
            alive = [(part, images) for part, images in built if images is not None]
            if not alive:
                continue
            made = [images for _, images in alive]
            logits = self._forward(torch.cat(made) if len(made) > 1 else made[0])
            first = 0
            for part, images in alive:
                self._keep(part.request, part.cells, logits[first : first + len(images)])
                first += len(images)
            seconds = perf_counter() - began
            for part, images in alive:
                answers[part.request.task].forwards += len(images)
                answers[part.request.task].seconds += seconds * len(images) / first
            self.forwards += first
            self.on_pass(first)

    def _forward(self, images: Images) -> Logits:
        """Logits; where memory runs out, in passes of half the width, now and from now on."""
        try:
            return self.forward(images)
        except Exception as error:
            if len(images) < 2 or not out_of_memory(error):
                raise
        self.width = -(-len(images) // 2)
        halves = images.split(self.width)
        return torch.cat([self._forward(half) for half in halves])

    def _take_over(self, request: Request) -> bool:
        """Ask for the variants that another method was to make and, having failed, has not."""
        ids = request.batch.ids
        lost = [cell for cell in request.known if (cell[2], ids[cell[0]]) not in self.common]
        alone = [row for row in request.borrowed if request.keys[row] not in self.curves]
        if request.failed is not None or not (lost or alone):
            return False
        request.borrowed = [row for row in request.borrowed if row not in alone]
        cells = [(row, variant) for row, variant, _ in lost]
        cells += [(row, variant) for row in alone for variant in range(int(request.counts[row]))]
        request.rows, request.k = torch.tensor(sorted(cells)).unbind(1)
        return True

    def _keep(self, request: Request, cells: slice, logits: Logits) -> None:
        rows, k = request.rows[cells], request.k[cells]
        first = int(rows[0])  # of one image all
        for row in (first, *request.followers.get(first, ())):
            scores = target_scores(logits, request, torch.full_like(rows, row))
            request.curve[row, k] = scores.to(request.curve)
        for variant, name in request.variants.common.items():
            for i in (k == variant).nonzero().flatten().tolist():
                self.common[name, request.batch.ids[int(rows[i])]] = logits[i]

    def _complete(self, request: Request) -> Curves:
        for row, k, name in request.known:
            logits = self.common[name, request.batch.ids[row]][None]
            scores = target_scores(logits, request, torch.tensor([row]))
            request.curve[row, k] = scores[0].to(request.curve)
        for row in request.borrowed:
            request.curve[row] = self.curves[request.keys[row]]
        self.curves |= dict(zip(request.keys, request.curve.clone(), strict=False))
        return request.curve


def _keys(task: Task[T], variants: Variants) -> list[Key]:
    if not (task.owner and variants.name):
        return []
    pairs = zip(task.batch.ids, task.batch.targets.tolist(), strict=True)
    return [(task.owner, variants.name, variants.score, image, target) for image, target in pairs]
