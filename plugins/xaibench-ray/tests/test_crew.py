"""What the crew does with what Ray says, without a cluster: actors that answer as soon as asked."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import (
    ActorUnavailableError,
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    OwnerDiedError,
    RayTaskError,
)
from xaibench_ray import crew as crews
from xaibench_ray.crew import MOST_LOSSES, Crew, Size
from xaibench_ray.executor import refuse, size_of

from xaibench.api import ConfigError, PluginError
from xaibench.api.executing import Lost

GONE = [
    ObjectLostError("00ff", None, ""),
    OwnerDiedError("00ff", None, ""),
    OutOfMemoryError("the node is low on memory"),
    NodeDiedError("the node is dead"),
    LocalRayletDiedError(),
    ActorUnavailableError("the line is broken", None),
    OutOfMemoryError(""),  # Ray has nothing to say
]


@dataclass(eq=False)
class Answer:
    """What `ray.get` finds: of which actor, and, where it was a task, of which."""

    actor: "Pretended"
    task: Any = None


class Pretended:
    """An actor."""

    def __init__(self) -> None:
        self.ready = SimpleNamespace(remote=lambda: Answer(self))
        self.work = SimpleNamespace(remote=lambda make, task, following: Answer(self, task))


@dataclass
class Cluster:
    """Hires, kills, and raises: `failing` says what for an answer, or None."""

    failing: Any = lambda answer: None
    options_of: list[dict[str, Any]] = field(default_factory=list)
    hired: list[Pretended] = field(default_factory=list)
    killed: list[Pretended] = field(default_factory=list)
    done: list[Answer] = field(default_factory=list)

    def options(self, **options: Any) -> Any:
        self.options_of.append(options)
        return SimpleNamespace(remote=self.hire)

    def hire(self) -> Pretended:
        self.hired.append(Pretended())
        return self.hired[-1]

    def wait(self, answers: list[Answer], num_returns: int, timeout: float) -> Any:
        return answers[:num_returns], answers[num_returns:]

    def get(self, answer: Answer) -> Any:
        if error := self.failing(answer):
            raise error
        if answer.task is None:
            return True
        self.done.append(answer)
        return f"{answer.task} is done"


@pytest.fixture
def cluster(monkeypatch):
    pretended = Cluster()
    monkeypatch.setattr(crews, "Actor", pretended)
    monkeypatch.setattr(ray, "wait", pretended.wait)
    monkeypatch.setattr(ray, "get", pretended.get)
    monkeypatch.setattr(ray, "kill", pretended.killed.append)
    return pretended


def done(tasks, most=2, attempts=3):
    crew = Crew(Size(cpus=1, gpus=0, most=most), attempts, patience=60)
    return list(crew(lambda: None, tasks))


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_task_whose_answer_is_lost_is_done_by_another_worker_and_the_first_is_ended(cluster, error):
    lost = []

    def once(answer):
        if answer.task == "b" and not lost:
            lost.append(answer)
            return error
        return None

    cluster.failing = once
    assert sorted(done("abcd")) == [f"{task} is done" for task in "abcd"]
    again = next(answer for answer in cluster.done if answer.task == "b")
    assert again.actor is not lost[0].actor
    assert lost[0].actor in cluster.killed
    assert lost[0].actor not in [answer.actor for answer in cluster.done[cluster.done.index(again) :]]


def test_a_task_whose_answer_is_lost_each_time_is_given_up_after_its_attempts(cluster):
    cluster.failing = lambda answer: GONE[0] if answer.task == "b" else None
    results = done("abcd", attempts=2)
    (lost,) = [one for one in results if isinstance(one, Lost)]
    assert lost.task == "b"
    assert lost.reason.startswith("2 workers were lost with it: Failed to retrieve object 00ff")
    assert len(results) == 4


def test_where_no_worker_is_ever_there_the_run_ends(cluster):
    cluster.failing = lambda answer: GONE[3]
    with pytest.raises(PluginError, match=f"{MOST_LOSSES + 1} workers were lost .*: the node is dead"):
        done("abcd")


def test_what_a_worker_raised_is_raised_even_where_it_is_one_of_rays(cluster):
    error = RayTaskError("work", "", ObjectLostError("00ff", None, "")).as_instanceof_cause()
    assert isinstance(error, ObjectLostError)
    cluster.failing = lambda answer: error if answer.task == "b" else None
    with pytest.raises(PluginError, match="a worker raised ObjectLostError"):
        done("abcd")


def has(monkeypatch, *machines, gone=()):
    """What the cluster's machines have, and those that are gone had."""
    nodes = [{"Alive": True, "Resources": each} for each in machines]
    lost = [{"Alive": False, "Resources": each} for each in gone]
    monkeypatch.setattr(ray, "nodes", lambda: nodes + lost)


@pytest.mark.parametrize(
    ("machines", "gpus", "cpus", "most"),
    [
        ([{"CPU": 3.0}, {"CPU": 3.0}], 0.0, 2.0, 2),  # three CPUs are left over, and no worker has two
        ([{"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 1.0}], 0.6, 1.0, 2),
        ([{"CPU": 8.0, "GPU": 3.0}, {"CPU": 8.0, "GPU": 1.0}], 2.0, 1.0, 1),
        ([{"CPU": 1.0, "GPU": 4.0}, {"CPU": 8.0}], 1.0, 1.0, 1),  # the GPUs' machine has one CPU
        ([{"CPU": 30.0, "GPU": 1.0}], 0.1, 1.0, 10),
        ([{"CPU": 4.0, "GPU": 2.0}], 1.0, 0.0, 2),
    ],
)
def test_a_worker_fits_where_one_machine_has_all_that_it_takes(monkeypatch, machines, gpus, cpus, most):
    has(monkeypatch, *machines, gone=[{"CPU": 64.0, "GPU": 8.0}])
    assert size_of("auto", gpus, cpus, workers=0).most == most
    assert size_of("auto", gpus, cpus, workers=1).most == 1


def test_what_no_machine_has_room_for_is_refused(monkeypatch):
    has(monkeypatch, {"CPU": 1.0}, {"CPU": 1.0})
    with pytest.raises(ConfigError, match="takes 2 CPU and 0 GPU of one machine; the cluster has 2 CPU"):
        size_of("auto", gpus=1.0, cpus=2.0, workers=0)


@pytest.mark.parametrize(
    ("gpus", "device", "available", "wanted", "most"),
    [
        (0.5, "auto", 1, 0.5, 2),
        (0.25, "cuda", 2, 0.25, 8),
        (1.0, "auto", 1, 1.0, 1),
        (0.5, "cpu", 1, 0.0, 16),
        (0.5, "auto", 0, 0.0, 16),
    ],
)
def test_what_a_worker_asks_of_ray_is_its_part_of_a_gpu(
    cluster, monkeypatch, gpus, device, available, wanted, most
):
    has(monkeypatch, {"CPU": 16.0, "GPU": float(available)})
    size = size_of(device, gpus, cpus=1.0, workers=0)
    assert size.most == most
    assert len(list(Crew(size, attempts=1, patience=60)(lambda: None, range(99)))) == 99
    taken = [(one["num_gpus"], one["num_cpus"]) for one in cluster.options_of]
    assert taken == [(wanted, 1.0)] * most


def test_a_whole_gpu_and_a_part_of_another_is_refused_as_ray_would_later():
    for gpus in (0, 0.5, 1.0, 2.0):
        refuse("cuda", gpus, cpus=1, workers=0, attempts=1)
    with pytest.raises(ConfigError, match=r"gpus=1\.5: a worker has a part of one GPU"):
        refuse("cuda", 1.5, cpus=1, workers=0, attempts=1)
