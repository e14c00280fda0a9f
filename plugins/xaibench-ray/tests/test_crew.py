"""A worker whose result cannot be fetched is lost, whatever Ray calls that; its task is done again."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from ray import exceptions
from standing_in import Cluster
from toy_runs import same_rows
from xaibench_ray import crew as room
from xaibench_ray.crew import Crew, Size

from xaibench.api import Executor, PluginError
from xaibench.api.executing import Lost
from xaibench.engine.registry import installed
from xaibench.engine.run import run
from xaibench.engine.settings import settle

REASONS = {
    "result": exceptions.ObjectLostError("ab", None, ""),
    "owner": exceptions.OwnerDiedError("ab", None, ""),
    "memory": exceptions.OutOfMemoryError("the node was low on memory"),
    "node": exceptions.NodeDiedError("the node is dead"),
    "raylet": exceptions.LocalRayletDiedError(),
    "out of reach": exceptions.ActorUnavailableError("no answer", None),
    "silent": exceptions.OutOfMemoryError(""),
}


@pytest.fixture
def cluster(monkeypatch):
    made = Cluster()
    monkeypatch.setattr(room, "ray", made)
    monkeypatch.setattr(room, "Actor", made)
    return made


class Doubling:
    """A worker."""

    def __call__(self, task, following=None):
        return 2 * task

    def close(self):
        """Holds nothing."""


def crew(attempts=3):
    return Crew(Size(cpus=1, gpus=0, most=2), attempts, patience=60)


@contextmanager
def two_workers(address="", device="auto"):
    yield crew()


@pytest.mark.parametrize("error", REASONS.values(), ids=REASONS)
def test_the_task_of_a_lost_result_is_done_by_another_and_its_worker_is_ended(cluster, error):
    cluster.failing = [error]
    assert sorted(crew()(Doubling, range(1, 6))) == [2, 4, 6, 8, 10]
    assert cluster.killed == cluster.actors[:1]
    assert len(cluster.actors) == 3  # two, and one instead of the lost one


def test_a_task_whose_result_is_lost_again_and_again_is_given_up_with_the_reason(cluster):
    cluster.failing = [REASONS["memory"], REASONS["memory"]]
    found = list(crew(attempts=2)(Doubling, [1]))
    assert found == [Lost(1, "2 workers were lost with it: the node was low on memory")]


def test_what_ray_says_nothing_of_is_given_its_name(cluster):
    cluster.failing = [REASONS["silent"]]
    assert list(crew(attempts=1)(Doubling, [1])) == [
        Lost(1, "1 workers were lost with it: OutOfMemoryError")
    ]


def test_what_a_worker_raises_is_raised_and_not_tried_again(cluster):
    error = exceptions.RayTaskError("work", "a traceback", ValueError("no such layer"))
    cluster.failing = [error.as_instanceof_cause()]
    with pytest.raises(PluginError, match="a worker raised ValueError: no such layer"):
        list(crew()(Doubling, [1, 2]))


def grid(path, **settings):
    spec = Executor(name="ray", at=f"{__name__}:two_workers", summary="two stand-ins")
    registry = installed()
    registry = replace(registry, executors={**registry.executors, "ray": spec})
    settings = {"limit": 4, "shard": 1, "width": 8, "gallery": 0, "device": "cpu", **settings}
    config = settle(
        None,
        ("scenes-cnn",),
        ("scenes",),
        explainers=("grad-cam",),
        metrics=("pointing-game",),
        **settings,
    )
    return run(config, path, registry=registry)


def test_with_a_result_lost_the_rows_are_those_of_one_process(cluster, tmp_path):
    expected = grid(tmp_path / "here").rows
    cluster.failing = [REASONS["result"]]
    found = grid(tmp_path / "ray", executor="ray")
    assert cluster.killed[:1] == cluster.actors[:1]
    assert not cluster.failing
    same_rows(found.rows, expected)
    assert found.manifest["complete"]
