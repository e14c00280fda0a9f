"""A real cluster of two nodes on this machine: whatever is killed, the table is that of one process."""

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from meeting import Meeting
from processes import ACTOR, QUIET, STORE, below
from toy_runs import same_rows
from xaibench_ray import xaibench_executors

from xaibench.api import ConfigError
from xaibench.engine.discovery.registry import installed
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.engine.work.observer import Observer

HEAD, OTHER = "127.0.0.2", "127.0.0.3"  # Ray takes 127.0.0.1 for the address of the machine
LARGE = 1 << 20  # bytes: up to some 100 kB come with the reply, more stays on the node

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch, request):
    """Two nodes of one processor each, on the loopback alone; the first may claim to have GPUs."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # has `meeting`
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": STORE}
    head = {**node, "include_dashboard": False, "node_ip_address": HEAD}
    head["num_gpus"] = getattr(request, "param", 0)
    nodes = Cluster(initialize_head=True, head_node_args=head)
    nodes.other = nodes.add_node(**node, node_ip_address=OTHER)
    ray.init(address=nodes.address, _node_ip_address=HEAD, log_to_driver=False, logging_level="ERROR")
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def grid(path, observer=None, **settings):
    registry = installed()
    specs = {spec.name: spec for spec in xaibench_executors()}
    registry = replace(registry, executors={**registry.executors, **specs})
    config = settle(
        None,
        ("scenes-cnn",),
        ("scenes",),
        explainers=("grad-cam", "layer-cam"),
        metrics=("insertion", "pointing-game"),
        **{"limit": 16, "images_per_shard": 1, "width": 8, "gallery": 2, "device": "cpu", **settings},
    )
    return run(config, path, observer=observer, registry=registry)


class Killing(Observer):
    """After 3 images a worker's process is killed; after 9, a whole node."""

    def __init__(self, cluster) -> None:
        self.cluster, self.images, self.killed = cluster, 0, []

    def done(self, images: int, resumed: bool) -> None:
        self.images += images
        if self.images == 3:
            first = next(process for process, command in below().items() if command.startswith(ACTOR))
            os.kill(first, signal.SIGKILL)
            self.killed.append("worker")
        if self.images == 9:
            self.cluster.remove_node(self.cluster.other, allow_graceful=False)
            self.killed.append("node")


def test_with_a_worker_and_a_node_killed_the_rows_are_those_of_one_process(
    cluster, tmp_path, monkeypatch
):
    from xaibench_ray.crew import Crew

    losses, lose = [], Crew.lose

    def counted(crew, member, reason):
        losses.append(reason)
        return lose(crew, member, reason)

    monkeypatch.setattr(Crew, "lose", counted)
    expected = grid(tmp_path / "here").rows
    killing = Killing(cluster)
    results = grid(tmp_path / "ray", killing, executor="ray")
    assert killing.killed == ["worker", "node"]
    assert len(losses) >= 2
    same_rows(results.rows, expected)
    assert results.manifest["complete"]
    assert set(results.rows["status"]) <= {"ok", "undefined"}


def test_what_cannot_be_had_is_said(cluster, tmp_path):
    with pytest.raises(
        ConfigError, match="takes 7 CPU and 0 GPU of one machine; the cluster has 2 CPU, 0 GPU"
    ):
        grid(tmp_path, executor="ray", executing={"cpus": 7})


def test_an_answer_that_is_lost_with_its_node_is_made_again(cluster, tmp_path, monkeypatch):
    import ray
    from ray.exceptions import ObjectLostError
    from xaibench_ray.executor import ray_executor

    other, lost = cluster.other.node_id, []

    def get_too_late(answer, get=ray.get):
        where = ray.experimental.get_object_locations([answer])[answer]["node_ids"]
        if where == [other] and not lost:
            cluster.remove_node(cluster.other, allow_graceful=False)
            with pytest.raises(ObjectLostError) as error:
                get(answer)
            lost.append(error.value)
            raise error.value
        return get(answer)

    monkeypatch.setattr(ray, "wait", partial(ray.wait, fetch_local=False))  # what is done stays there
    monkeypatch.setattr(ray, "get", get_too_late)
    with ray_executor(device="cpu") as execute:
        guests = list(execute(Meeting(tmp_path, LARGE), range(6)))
    assert lost
    assert sorted(met.task for met in guests) == list(range(6))


@pytest.mark.parametrize("cluster", [1], indirect=True, ids=["a GPU"])
def test_two_workers_of_half_a_gpu_share_it(cluster, tmp_path):
    from xaibench_ray.executor import ray_executor

    with ray_executor(gpus=0.5, cpus=0.5) as execute:
        guests = list(execute(Meeting(tmp_path), range(4)))
    assert len({met.process for met in guests}) == 2
    assert {(*met.gpus, met.visible) for met in guests} == {(0, "0")}
