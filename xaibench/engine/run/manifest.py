"""The manifest of a run: the facts that are needed to repeat it, and its costs."""

import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from math import isfinite
from pathlib import Path
from platform import python_version
from typing import Any

from xaibench.api.errors import DataError
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.config import Config
from xaibench.engine.plan.plan import Plan
from xaibench.engine.work.observer import Tally
from xaibench.results.keys import content_key, identity
from xaibench.results.manifest import read_manifest
from xaibench.results.results import Results
from xaibench.results.rows import SCHEMA_VERSION


def models_before(path: Path) -> dict[str, dict[str, Any]]:
    """Return the models in a folder's manifest; an empty table if no manifest can be read."""
    try:
        return dict(read_manifest(path / "manifest.json").get("models", {}))
    except DataError:  # it is written anew
        return {}


def content_sha(results: Results, dataset: str) -> str:
    """Return a hash of the contents of all images of a data set that were read."""
    rows = results.rows[results.rows["dataset"] == dataset]
    return content_key(sorted(rows.groupby("image")["image_sha"].max().items()))


def facts_of(
    config: Config,
    todo: Plan,
    registry: Registry,
    results: Results,
    tally: Tally,
    began: datetime,
) -> dict[str, Any]:
    """Return the manifest: the facts that are needed to repeat the run, and its costs.

    Args:
        config: the settings.
        todo: the plan.
        registry: the plugins.
        results: the rows of the run.
        tally: the costs.
        began: the time when the run began.
    """
    return {
        "run": results.path.name,
        "complete": True,
        "command": shlex.join(["xaibench", *sys.argv[1:]]),
        "config": config.facts(),
        "schema_version": SCHEMA_VERSION,
        "started": began.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "statuses": results.scores["status"].value_counts().to_dict(),
        "device": tally.device or {"name": config.device},
        "executor": config.executor,
        "seed": config.seed,
        "dtype": config.dtype,
        "mode": config.mode,
        "models": tally.models,
        "data": {
            name: facts | {"content_sha": content_sha(results, name)}
            for name, facts in tally.data.items()
        },
        "blocks": [
            {"model": block.model.name, "dataset": block.data_name, "chosen": str(block.choice)}
            for block in todo.blocks
        ],
        "explainers": [identity(explainer) for explainer in todo.explainers],
        "controls": [explainer.name for explainer in todo.explainers if explainer.control],
        "metrics": [
            identity(metric)
            | {
                "higher_is_better": metric.higher_is_better,
                "family": metric.family or metric.name,
                "range": [end if isfinite(end) else None for end in metric.range],
                "convention": dict(metric.convention),
                "supersedes": metric.supersedes,
            }
            for metric in todo.metrics
        ],
        "seconds": {stage: round(spent, 3) for stage, spent in tally.seconds.items()},
        "forwards": dict(tally.forwards),
        "backwards": tally.backwards,
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "broken": plugin.broken,
            }
            for plugin in registry.plugins
        ],
        "python": python_version(),
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Return the version of every installed package by name."""
    metadata = [dist.metadata for dist in distributions()]  # which is parsed each time it is asked for
    return dict(sorted((each["Name"], each["Version"]) for each in metadata))
