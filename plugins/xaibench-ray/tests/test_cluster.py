"""A real cluster of two nodes on this machine: whatever is killed, the table is that of one process."""

import os
import signal
import time
from dataclasses import replace

import pytest
from processes import ACTOR, QUIET, STORE, below
from toy_runs import same_rows
from xaibench_ray import xaibench_executors

from xaibench.api import ConfigError
from xaibench.engine.observer import Observer
from xaibench.engine.registry import installed
from xaibench.engine.run import run
from xaibench.engine.settings import settle

HEAD, OTHER = "127.0.0.2", "127.0.0.3"  # Ray takes 127.0.0.1 for the address of the machine
LARGE = 2 << 20  # bytes; Ray keeps what is larger than 100 kB on the node where it was made

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of one processor each, on the loopback alone."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": STORE}
    head = {**node, "include_dashboard": False, "node_ip_address": HEAD}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.other = made.add_node(**node, node_ip_address=OTHER)
    ray.init(address=made.address, _node_ip_address=HEAD, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


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
        **{"limit": 16, "shard": 1, "width": 8, "gallery": 2, "device": "cpu", **settings},
    )
    return run(config, path, observer=observer, registry=registry)


class Killing(Observer):
    """After 3 images a worker's process is killed; after 9, a whole node."""

    def __init__(self, cluster) -> None:
        self.cluster, self.images, self.killed = cluster, 0, []

    def done(self, images: int, resumed: bool) -> None:
        self.images += images
        if self.images == 3:
            first = next(process for process, said in below().items() if said.startswith(ACTOR))
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
    found = grid(tmp_path / "ray", killing, executor="ray")
    assert killing.killed == ["worker", "node"]
    assert len(losses) >= 2
    same_rows(found.rows, expected)
    assert found.manifest["complete"]
    assert set(found.rows["status"]) <= {"ok", "undefined"}


def test_a_large_result_whose_node_is_killed_before_it_is_fetched_is_had_of_another(
    cluster, tmp_path, monkeypatch
):
    import ray
    from xaibench_ray.crew import Crew, Size

    gate = tmp_path / "gate"

    def make():  # within the test: so it is sent whole, not by the name of a module that workers lack
        class Large:
            def __call__(self, task, following=None):
                deadline = time.monotonic() + 60
                there = ray.util.get_node_ip_address()
                (tmp_path / there).touch()
                awaited = gate if there == OTHER else tmp_path / OTHER
                while not awaited.exists() and time.monotonic() < deadline:
                    time.sleep(0.05)
                return task, there, bytes(LARGE)

            def close(self):
                pass

        return Large()

    losses, lose = [], Crew.lose

    def counted(crew, member, reason):
        losses.append(reason)
        return lose(crew, member, reason)

    monkeypatch.setattr(Crew, "lose", counted)
    crew = Crew(Size(cpus=1, gpus=0, most=2), attempts=3, patience=300)
    found = []
    for task, there, whole in crew(make, range(8)):
        found.append((task, there, len(whole)))
        away = [member for member in crew.members if member.now and (tmp_path / OTHER).exists()]
        if away and not gate.exists():
            gate.touch()
            answers = [member.answer for member in away]
            ready, _ = ray.wait(answers, timeout=60, fetch_local=False)
            assert ready  # its result lies on the other node, and nowhere else
            cluster.remove_node(cluster.other, allow_graceful=False)
    crew.close()
    assert gate.exists()
    assert any(reason.startswith("Failed to retrieve object") for reason in losses), losses
    assert sorted(found) == [(task, HEAD, LARGE) for task in range(8)]


def test_what_cannot_be_had_is_said(cluster, tmp_path):
    with pytest.raises(ConfigError, match="takes 7 CPU and 0 GPU; the cluster has 2 CPU, 0 GPU"):
        grid(tmp_path, executor="ray", executing={"cpus": 7})
