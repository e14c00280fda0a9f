"""The whole grid, from settings to results."""

import shlex
import sys
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from platform import python_version
from typing import Any

from xaibench.api.errors import DataError
from xaibench.engine.blocks import WHOLE, Blocks, Part
from xaibench.engine.closing import close
from xaibench.engine.config import Config, refuse_to_follow
from xaibench.engine.devices import device_facts, device_of
from xaibench.engine.keys import content_key, identity
from xaibench.engine.observer import Observer, Tally
from xaibench.engine.plan import Plan, plan, with_settings
from xaibench.engine.registry import HERE, Registry, installed
from xaibench.engine.worker import Worker
from xaibench.results.folder import RunFolder
from xaibench.results.manifest import read_manifest
from xaibench.results.results import Results
from xaibench.results.rows import SCHEMA_VERSION


def run(
    config: Config,
    output: Path | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    registry: Registry | None = None,
    part: Part = WHOLE,
) -> Results:
    """Run the grid, or what is missing of it, and return its results.

    A block that cannot be loaded, an image that cannot be read, a method that raises: each becomes
    rows with its status and reason, and the rest goes on.

    Args:
        config: the settings.
        output: the folder; `results/<name of the settings>` where not given. What it has of these
            settings is not done again, and the settings may ask for more than its own did.
        overwrite: begin anew rather than go on with what is there.
        observer: is told how it goes, and may ask it to stop.
        registry: the plugins; those installed where not given.
        part: which of the shards; the others are another run's, and `merge` puts them together.

    Raises:
        Stopped: the observer asked for it; what is finished is kept.
        ConfigError: the settings cannot be carried out, or not in that folder; another run is writing
            into it; it is full.
        UnknownName: a name that no plugin offers.
        PluginError: `config.strict`, and a plugin is broken.
    """
    registry = registry or installed(config.strict)
    todo = plan(config, registry)
    executor = with_settings(registry.executor(config.executor), config.executing)
    device = device_of(config.device) if executor.name == HERE.name else None
    path = output or Path("results") / config.name()
    observer, tally = observer or Observer(), Tally(device=device_facts(device) if device else {})
    began = datetime.now(UTC)
    with RunFolder.alone(path):
        former = {} if overwrite else models_before(path)
        refuse = partial(refuse_to_follow, config=config)
        folder = RunFolder.open(path, config.toml(), overwrite, refuse)
        for name, reason in registry.broken.items():
            observer.note(f"plugin {name!r} cannot be loaded: {reason}; the rest goes on without it")
        worker = Worker(config, device, folder.native, observer, tally) if device else None
        observer.begin(len(todo.blocks))
        with (
            tally.timed("all"),
            executor.load()(config.address, config.device) as execute,
        ):
            blocks = Blocks(todo, config, folder, execute, worker, part, observer, tally)
            for block in todo.blocks:
                blocks.work(block)
        tally.remember(former)
        facts = facts_of(config, todo, registry, Results.load(path), tally, began)
        return close(folder, facts | {"part": f"{part.number + 1}/{part.count}"}, observer)


def models_before(path: Path) -> dict[str, dict[str, Any]]:
    """What the folder's manifest says of its models; nothing where there is none that can be read."""
    try:
        return dict(read_manifest(path / "manifest.json").get("models", {}))
    except DataError:  # it is written anew
        return {}


def content_sha(results: Results, dataset: str) -> str:
    """What depends on the content of every image of a data set that was read."""
    seen = results.rows[results.rows["dataset"] == dataset]
    return content_key(sorted(seen.groupby("image")["image_sha"].max().items()))


def facts_of(
    config: Config,
    todo: Plan,
    registry: Registry,
    results: Results,
    tally: Tally,
    began: datetime,
) -> dict[str, Any]:
    """The manifest: all that is needed to make the run again, and what it cost."""
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
    """The version of every package that is installed, by name."""
    metadata = [dist.metadata for dist in distributions()]  # which is parsed each time it is asked for
    return dict(sorted((each["Name"], each["Version"]) for each in metadata))
