"""Actors and the tasks they have; a lost one is replaced, and its task goes to another."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from xaibench.api import ConfigError, PluginError, XaibenchError
from xaibench.api.executing import Lost, MakeWork
from xaibench_ray.actor import Actor

MOST_LOSSES = 20  # workers one after another, and none of them ever there: the cluster is ill
HEARTBEAT = 1.0  # seconds after which the clock is looked at


@dataclass(frozen=True)
class Size:
    """What an actor takes of its machine, and how many there are at most."""

    cpus: float
    gpus: float
    most: int


@dataclass
class Given:
    """A task, and how many actors were lost with it."""

    task: Any
    losses: int = 0


@dataclass
class Member:
    """An actor. Nothing is sent to it before it has said that it is there.

    Args:
        answer: what is awaited of it; None where it is idle.
        ready: whether it has ever answered.
        now: the task it does.
        following: the task it was told to expect; anybody may still take it.
    """

    actor: Any
    answer: Any
    ready: bool = False
    now: Given | None = None
    following: Given | None = None


@dataclass
class Crew:
    """Has tasks done by actors; a `xaibench.api.executing.Execute`.

    Args:
        size: what an actor takes, and how many there are at most.
        attempts: how many actors may be lost with a task.
        patience: seconds that are waited while no actor is there.
    """

    size: Size
    attempts: int
    patience: float
    members: list[Member] = field(default_factory=list)
    waiting: deque[Given] = field(default_factory=deque)
    losses: int = 0

    def __call__(self, make: MakeWork, tasks: Iterable[Any]) -> Iterator[Any]:
        """What comes of each task as it is finished, each once."""
        coming, last_ready = iter(tasks), monotonic()
        try:
            while True:
                self.take(coming)
                busy = [member for member in self.members if member.now or member.following]
                if not self.waiting and not busy:
                    return
                while len(self.members) < min(self.size.most, len(busy) + len(self.waiting)):
                    self.members.append(self.hire())
                self.give(make)
                awaited = {member.answer: member for member in self.members if member.answer is not None}
                done, _ = ray.wait(list(awaited), num_returns=1, timeout=HEARTBEAT)
                for answer in done:
                    yield from self.heard(awaited[answer])
                last_ready = monotonic() if any(member.ready for member in self.members) else last_ready
                if monotonic() - last_ready > self.patience:
                    raise ConfigError(
                        f"ray: no worker has been there for {self.patience:g} seconds; `ray status` "
                        "says what the cluster has"
                    )
        finally:  # what is still being done is of no use to anybody
            self.waiting.clear()
            self.dismiss([member for member in self.members if member.now])

    def take(self, coming: Iterator[Any]) -> None:
        """Have tasks at hand: for each actor one, and one to expect."""
        while len(self.waiting) < 2 * self.size.most:
            task = next(coming, None)
            if task is None:
                return
            self.waiting.append(Given(task))

    def hire(self) -> Member:
        """One more actor, wherever there is room."""
        remote: Any = Actor  # what the decorator made of the class
        actor = remote.options(
            num_cpus=self.size.cpus, num_gpus=self.size.gpus, scheduling_strategy="SPREAD"
        ).remote()
        return Member(actor, actor.ready.remote())

    def give(self, make: MakeWork) -> None:
        """A task for everybody who is idle, if need be one that somebody else only expects."""
        for member in self.members:
            if member.answer is not None:
                continue
            if member.following is None and not self.waiting:
                other = next((other for other in self.members if other.following), None)
                if other is None:
                    return
                other.following, member.following = None, other.following
            member.now = member.following or self.waiting.popleft()
            member.following = self.waiting.popleft() if self.waiting else None
            then = member.following.task if member.following else None
            member.answer = member.actor.work.remote(make, member.now.task, then)

    def heard(self, member: Member) -> Iterator[Any]:
        """What an actor has answered; nothing where it says that it is there, or is lost.

        Raises:
            XaibenchError: what its worker raised.
        """
        try:
            result = ray.get(member.answer)
        except RayTaskError as error:
            raise plain(error) from error
        except RayError as error:  # its process or node is gone, or the answer that lay there
            yield from self.lose(member, headline(error))
            return
        now, member.now, member.answer = member.now, None, None
        self.losses = 0
        if now is None:
            member.ready = True
        else:
            yield result

    def lose(self, member: Member, reason: str) -> Iterator[Any]:
        """Its tasks wait again, unless one has had its attempts: it may be what workers die of.

        The actor is ended: it may live on, as where only its answer is lost, and would hold its device.

        Raises:
            PluginError: one worker after another is lost.
        """
        self.dismiss([member])
        self.losses += 1
        if self.losses > MOST_LOSSES:
            raise PluginError(f"ray: {self.losses} workers were lost one after another: {reason}")
        if member.following:
            self.waiting.appendleft(member.following)
        if member.now is None:
            return
        member.now.losses += 1
        if member.now.losses < self.attempts:
            self.waiting.appendleft(member.now)
        else:
            yield Lost(member.now.task, f"{member.now.losses} workers were lost with it: {reason}")

    def dismiss(self, members: list[Member]) -> None:
        """End some actors."""
        for member in members:
            ray.kill(member.actor)
            self.members.remove(member)

    def close(self) -> None:
        """End all of them."""
        self.dismiss(list(self.members))


def plain(error: RayTaskError) -> XaibenchError:
    """What a worker raised, without Ray's wrapping."""
    cause = error.cause
    if isinstance(cause, XaibenchError):
        return cause
    lines = str(cause).splitlines() or [""]
    return PluginError(f"ray: a worker raised {type(cause).__name__}: {lines[-1]}")


def headline(error: RayError) -> str:
    """What went wrong, in the first line that says something, or by its name."""
    return next(filter(None, str(error).splitlines()), type(error).__name__)
