"""Runs of xaibench on many devices and machines, by Ray."""

from xaibench.api import Executor, hookimpl


@hookimpl
def xaibench_executors() -> list[Executor]:
    """Ray: a worker on every device of a cluster, or of this machine."""
    return [
        Executor(
            name="ray",
            at="xaibench_ray.executor:ray_executor",
            summary="a worker on every device of a Ray cluster (--address), or of this machine",
        )
    ]
