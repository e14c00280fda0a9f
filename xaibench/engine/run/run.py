"""The whole grid, from settings to results."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from xaibench.engine.device.devices import device_facts, device_of
from xaibench.engine.discovery.registry import HERE, Registry, installed
from xaibench.engine.plan.config import Config
from xaibench.engine.plan.part import WHOLE, Part
from xaibench.engine.plan.plan import plan, with_settings
from xaibench.engine.plan.resume_rules import refuse_to_follow
from xaibench.engine.run.block_run import BlockRun
from xaibench.engine.run.finish import finish_run
from xaibench.engine.run.manifest import facts_of, models_before
from xaibench.engine.work.evaluator import Evaluator
from xaibench.engine.work.observer import Observer, Tally
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results


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
        worker = Evaluator(config, device, folder.native, observer, tally) if device else None
        observer.begin(len(todo.blocks))
        with (
            tally.timed("all"),
            executor.load()(config.address, config.device) as execute,
        ):
            blocks = BlockRun(todo, config, folder, execute, worker, part, observer, tally)
            for block in todo.blocks:
                blocks.work(block)
        tally.remember(former)
        results = Results.load(path)
        facts = facts_of(config, todo, registry, results, tally, began) | {"part": str(part)}
        return finish_run(folder, results, facts, observer, registry.report_sections.values())
