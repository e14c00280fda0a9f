"""A worker on every device of a Ray cluster: an actor that keeps its model while tasks come."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import ray

from xaibench.api import ConfigError
from xaibench.api.executing import Execute
from xaibench_ray.crew import Crew, Size
from xaibench_ray.reach import refuse_unreachable

EXACT = 1e-9  # 1 / 0.1 is ten
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def ray_executor(
    address: str = "",
    device: str = "auto",
    gpus: float = 1.0,
    cpus: float = 1.0,
    workers: int = 0,
    attempts: int = 3,
    patience: float = 300.0,
    store: int = 0,
) -> Iterator[Execute]:
    """Workers on a cluster; on this machine alone where there is no address and Ray does not run yet.

    Args:
        address: of the cluster's head, "HOST:PORT", or "auto" for the one this machine is part of.
        device: of the run; with "cpu", no GPU is asked for.
        gpus: of a worker; 0.5 puts two workers on each GPU. Without GPUs in the cluster, 0.
        cpus: of a worker.
        workers: at most; 0: as many as there are devices.
        attempts: how many workers may be lost with a task before it is given up.
        patience: seconds that are waited for the first worker, or for another after all are lost.
        store: bytes of shared memory of a Ray that is started here; 0: Ray's own choice.

    Raises:
        ConfigError: the cluster cannot be reached, has no such devices, or a setting makes no sense.
    """
    refuse(device, gpus, cpus, workers, attempts)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ours = not ray.is_initialized()
    if ours:
        connect(address, store)
    try:
        crew = Crew(size_of(device, gpus, cpus, workers), attempts, patience)
        try:
            yield crew
        finally:
            crew.close()
    finally:
        if ours:
            ray.shutdown()


def connect(address: str, store: int) -> None:
    """Connect to a cluster, or start one of this machine alone.

    Raises:
        ConfigError: it cannot be reached.
    """
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    room = {"object_store_memory": store} if store else {}
    if address:
        refuse_unreachable(address)
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(address="local", include_dashboard=False, **quiet, **room)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ConfigError(
            f"Ray {where} cannot be used: {str(error).splitlines()[0]}; is it running (`ray status`)?"
        ) from error


def refuse(device: str, gpus: float, cpus: float, workers: int, attempts: int) -> None:
    """Settings that make no sense.

    Raises:
        ConfigError: says which.
    """
    if ":" in device:
        raise ConfigError(f"device {device!r}: Ray gives each worker its GPU; say --device cuda")
    if gpus < 0 or cpus < 0 or workers < 0 or attempts < 1:
        raise ConfigError("ray: gpus, cpus and workers are at least 0, attempts at least 1")
    if gpus > 1 and gpus != int(gpus):
        raise ConfigError(f"ray: gpus={gpus:g}: a worker has a part of one GPU, as 0.5, or whole ones")


def size_of(device: str, gpus: float, cpus: float, workers: int) -> Size:
    """What a worker takes, and how many fit into the cluster.

    Raises:
        ConfigError: none does.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    available = {kind: sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU")}
    wants = gpus if device != "cpu" and (available["GPU"] or device == "cuda") else 0.0
    needs = {"CPU": cpus, "GPU": wants}
    fit = sum(room(node, needs) for node in nodes) if cpus or wants else 1
    most = min(fit, workers) if workers else fit
    if most < 1:
        has = ", ".join(f"{count:g} {kind}" for kind, count in available.items())
        raise ConfigError(
            f"ray: a worker takes {cpus:g} CPU and {wants:g} GPU of one machine; the cluster has {has}"
        )
    return Size(cpus, wants, most)


def room(node: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """How many workers one machine has room for; a part of a GPU is never of two of them."""
    fit = []
    for kind, want in needs.items():
        if 0 < want < 1 and kind == "GPU":
            fit.append(int(node.get(kind, 0.0)) * int(1 / want + EXACT))
        elif want:
            fit.append(int(node.get(kind, 0.0) / want + EXACT))
    return min(fit)
