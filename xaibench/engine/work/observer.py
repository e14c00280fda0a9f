"""How a run tells what it is doing, and what it keeps for the manifest of what it has cost."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any


class Observer:
    """Is told how a run goes on, and shows nothing; the command line has one that does."""

    def begin(self, blocks: int) -> None:
        """A run begins; how many models on data sets it has."""

    def block(self, name: str, images: int) -> None:
        """A model on a data set begins; how many images it has."""

    def stage(self, name: str) -> None:
        """What is being done now."""

    def width(self, images: int) -> None:
        """How many images a pass of the stream takes from now on."""

    def passed(self, images: int) -> None:
        """A pass of the stream has scored some images."""

    def done(self, images: int, resumed: bool) -> None:
        """Images are finished, or were found finished."""

    def failed(self, rows: int) -> None:
        """So many scores are lost to errors."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def stopping(self) -> bool:
        """Asked after each shard: whether the run is to end here."""
        return False


@dataclass
class Tally:
    """What a run has cost, stage by stage, and what it has worked on.

    Args:
        seconds: wall time of each stage.
        forwards: images forwarded in each stage.
        backwards: backward passes.
        models, data: facts about each.
        device: facts about where it was computed.
    """

    seconds: defaultdict[str, float] = field(default_factory=partial(defaultdict, float))
    forwards: Counter[str] = field(default_factory=Counter)
    backwards: int = 0
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of what happens inside to a stage."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += perf_counter() - began

    def tell_of_model(self, name: str, **facts: Any) -> None:
        """Facts about a model, beside those that are known."""
        self.models.setdefault(name, {}).update(facts)

    def remember(self, former: Mapping[str, Any]) -> None:
        """What an earlier run found of the same models in the same mode, where this one did not look.

        A network is prepared and its pass width measured only where something is lacking.
        """
        same = "weights_sha256", "mode"
        for name, facts in self.models.items():
            earlier = former.get(name)
            if isinstance(earlier, dict) and all(earlier.get(k) == facts.get(k) for k in same):
                self.models[name] = earlier | facts

    def add(self, other: "Tally") -> None:
        """What another process has cost, too."""
        for stage, spent in other.seconds.items():
            self.seconds[stage] += spent
        self.forwards.update(other.forwards)
        self.backwards += other.backwards
        for name, facts in other.models.items():
            self.tell_of_model(name, **facts)
        self.data |= other.data
        self.device = self.device or other.device

    def take(self) -> "Tally":
        """What it has cost since this was last asked; the facts stay."""
        taken = replace(self)
        self.seconds, self.forwards, self.backwards = defaultdict(float), Counter(), 0
        return taken
