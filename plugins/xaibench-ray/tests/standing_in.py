"""What `Crew` asks of Ray, done in this process: a task is done when its answer is fetched."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What is awaited of a stand-in for an actor."""

    method: Any
    arguments: tuple[Any, ...]

    def __hash__(self) -> int:
        return id(self)


@dataclass
class Method:
    """Called by `remote`, as Ray's are."""

    method: Any

    def remote(self, *arguments: Any) -> Answer:
        return Answer(self.method, arguments)


class StandIn:
    """One actor, in this process."""

    def __init__(self) -> None:
        self.worker: Any = None
        self.ready, self.work = Method(self.there), Method(self.done)

    def there(self) -> bool:
        return True

    def done(self, make: Any, task: Any, following: Any) -> Any:
        self.worker = self.worker or make()
        return self.worker(task, following)


@dataclass
class Cluster:
    """Stands in for the module `ray` and for the class `Actor`.

    Args:
        failing: what is raised, one after another, where the answer to a task is fetched.
        asked: what was asked for each actor.
        actors: all there have been.
        killed: the actors that were ended.
    """

    failing: list[Exception] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    actors: list[StandIn] = field(default_factory=list)
    killed: list[StandIn] = field(default_factory=list)

    def options(self, **asked: Any) -> "Cluster":
        self.asked.append(asked)
        return self

    def remote(self) -> StandIn:
        self.actors.append(StandIn())
        return self.actors[-1]

    def wait(self, answers: list[Answer], num_returns: int, timeout: float) -> tuple[list[Answer], list]:
        return answers[:num_returns], answers[num_returns:]

    def get(self, answer: Answer) -> Any:
        if answer.arguments and self.failing:
            raise self.failing.pop(0)
        return answer.method(*answer.arguments)

    def kill(self, actor: StandIn) -> None:
        self.killed.append(actor)
