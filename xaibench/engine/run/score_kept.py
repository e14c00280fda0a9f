"""More metrics on the maps that a run has kept, without its explainers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from xaibench.api.errors import ConfigError
from xaibench.engine.discovery.registry import HERE, Registry
from xaibench.engine.plan.config import default_config, stored_config
from xaibench.engine.run.run import run
from xaibench.engine.work.observer import Observer
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results


def score_kept(
    path: Path,
    metrics: Sequence[str],
    observer: Observer | None = None,
    registry: Registry | None = None,
) -> Results:
    """Add metrics to a results folder.

    Args:
        path: of the folder.
        metrics: by name; those that are there already are not made again.
        observer: is told how it goes.
        registry: the plugins; those installed where not given.

    Raises:
        ConfigError: no run with kept maps is there.
    """
    if not any(RunFolder(path).native.glob("*.safetensors")):
        raise ConfigError(
            f"{path} has no maps at their own resolution; run with --keep-maps, or add the metrics to "
            "the run itself: the same command with more --metrics makes only theirs"
        )
    config = stored_config(path / "config.toml")
    known = config.metrics or tuple(default_config()["metrics"])
    wanted = tuple(dict.fromkeys((*known, *metrics)))
    here: dict[str, Any] = {"executor": HERE.name, "address": "", "executing": {}}  # it may be gone
    config = msgspec.structs.replace(config, metrics=wanted, **here)
    return run(config, path, observer=observer, registry=registry)
