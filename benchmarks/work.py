"""The work of benchmarks, and its measurement: time, forwards, memory."""

import contextlib
import io
import json
import multiprocessing
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from limit import Limit
from torch import nn

import xaibench
from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.api.types import Images, Logits
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.pass_width import best_width
from xaibench.engine.evaluate.stream import Forward, Stream
from xaibench.engine.network.modes import compiled
from xaibench.engine.network.prepare import PreparedNetwork, as_it_is, keep_freed_memory, prepare_network

PEERS = ("pytorch_grad_cam", "torchcam")

Done = TypeVar("Done")


class Passes(nn.Module):
    """A function as a module, so that its calls can be hooked."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.function = forward

    def forward(self, images: Images) -> Logits:
        """Call the function."""
        return self.function(images)


@dataclass(frozen=True)
class Work:
    """The input of every stage: a network and photographs, each with its predicted class."""

    classifier: Classifier
    batch: Batch
    networks: dict[str, PreparedNetwork] = field(default_factory=dict)
    widths: dict[int, int] = field(default_factory=dict)

    @property
    def plain(self) -> PreparedNetwork:
        """The plain network."""
        return self._network("plain", lambda: as_it_is(self.classifier))

    @property
    def prepared(self) -> PreparedNetwork:
        """The prepared copy, made at first use."""
        return self._network("prepared", lambda: prepare_network(self.classifier, self.batch.images[:1]))

    @property
    def compiled(self) -> PreparedNetwork:
        """The copy with compiled forwards, as by `--compile`; SystemExit where nothing compiles."""
        return self._network("compiled", self._compile)

    @property
    def modules(self) -> set[nn.Module]:
        """The network and its copies."""
        networks = [network.classifier.network for network in self.networks.values()]
        forwards = [network.forward for network in self.networks.values()]
        return {
            self.classifier.network,
            *networks,
            *(it for it in forwards if isinstance(it, nn.Module)),
        }

    def _compile(self) -> PreparedNetwork:
        network = compiled(self.prepared, self.classifier, self.batch.images[:1])
        if not network.compiled_by:
            raise SystemExit(network.why_uncompiled)
        return replace(network, forward=Passes(network.forward))

    def _network(self, name: str, make: Callable[[], PreparedNetwork]) -> PreparedNetwork:
        if name not in self.networks:
            self.networks[name] = make()
        return self.networks[name]

    def stream(self, network: PreparedNetwork) -> Stream:
        """Return a stream at the network's best width."""
        if id(network) not in self.widths:
            self.widths[id(network)] = best_width(network.forward, self.batch.images[:1])
        return Stream(network.forward, self.widths[id(network)])

    def first(self, count: int) -> "Work":
        """Return the same work on the first `count` images, with the same networks."""
        return replace(self, batch=self.batch.select(range(count)))


def load(model: str, images: int) -> Work:
    """Load the model and the first photographs, repeated where there are not enough.

    Freed memory is kept from now on, as in every run, also in one that uses the plain network.
    """
    registry = installed()
    classifier: Classifier = registry.model(model).load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = registry.dataset("photos").load()()
    pictures = [examples[i % len(examples)].open() for i in range(images)]
    pixels = torch.stack([preprocess.image(picture) for picture in pictures])
    names = tuple(f"{i}" for i in range(images))
    batch = Batch(names, pixels, classifier.logits(pixels).argmax(1), (0,) * images, (), preprocess)
    keep_freed_memory()  # last: what loading frees is not the stage's, and goes back
    return Work(classifier, batch)


def quietly(work: Callable[[], Done]) -> Done:
    """Silence the progress bars of other libraries."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return work()


def facts_of_run(model: str, data: str, **settings: Any) -> dict[str, Any]:
    """Run into an empty folder and return its manifest; raise SystemExit where a cell failed."""
    with TemporaryDirectory() as folder:
        results = xaibench.run([model], [data], output=f"{folder}/run", **settings)
        facts: dict[str, Any] = json.loads((results.path / "manifest.json").read_text(encoding="utf-8"))
    if "failed" in facts["statuses"]:
        raise SystemExit(f"{model} on {data}: {facts['statuses']}")
    return facts


def peak_memory(model: str, images: int, stage: Callable[[Work], object]) -> float:
    """Return the peak memory of one stage above the loaded network (MiB), in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (model, images, stage))


def _peak_memory(model: str, images: int, stage: Callable[[Work], object]) -> float:
    for peer in PEERS:
        if find_spec(peer):
            import_module(peer)
    work = load(model, images)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is forgotten
    except OSError:
        return float("nan")  # not Linux
    before = _status("VmRSS")
    quietly(partial(stage, work))
    return (_status("VmHWM") - before) / 1024


def peak_of_process() -> float:
    """Return the peak memory of this process, MiB."""
    return _status("VmHWM") / 1024


def _status(field: str) -> int:
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1])


@dataclass
class Measured:
    """The measurements of one stage over some rounds.

    Args:
        ratios: wall time over the limit that was measured in the same round.
        seconds: wall time of the stage done once.
    """

    forwards: int = 0
    ratios: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def measured(stages: Mapping[str, tuple[Callable[[Work], int], Work]], rounds: int) -> list[Measured]:
    """Measure each stage in every round, one after another, each beside its limit."""
    measurements = [Measured() for _ in stages]
    for stage, work in stages.values():  # to warm up
        quietly(partial(stage, work.first(1)))
    limit = Limit(next(iter(stages.values()))[1].classifier)
    for _ in range(rounds):
        for one, (stage, work) in zip(measurements, stages.values(), strict=True):
            timed = quietly(partial(limit.timed, partial(stage, work), work.modules))
            one.forwards = timed.done
            one.seconds.append(timed.seconds)
            one.ratios.append(timed.seconds / (timed.done * timed.forward))
    return measurements


def conditions(rounds: int) -> str:
    """Return a sentence on the conditions of a table of times."""
    vectors = torch.backends.cpu.get_cpu_capability()
    return f"{rounds} round{'s' * (rounds > 1)}; {torch.get_num_threads()} threads, {vectors}."
