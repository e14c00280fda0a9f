"""What a run will do: its blocks, its cells, and what in them is unsupported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

from xaibench.api.batch import Example
from xaibench.api.errors import ConfigError, PluginError
from xaibench.api.specs import Dataset, Explainer, Metric, Model, Settings
from xaibench.engine.discovery.registry import Named, Registry, pick
from xaibench.engine.plan.config import ALL, Config, default_config
from xaibench.engine.plan.selection import Choice, read_subsets

ALL_EXAMPLES = Choice()


@dataclass(frozen=True)
class Block:
    """A model on a data set.

    Args:
        model, dataset: what to load.
        root: the folder in "NAME:PATH"; None where the data is built in.
        choice: which examples.
    """

    model: Model
    dataset: Dataset
    data_name: str
    root: Path | None
    choice: Choice = ALL_EXAMPLES

    def examples(self) -> Sequence[Example]:
        """The examples asked for, none of them decoded yet.

        Raises:
            PluginError: the data set cannot be loaded, or offers no examples.
            DataError: it has not what was chosen.
        """
        load = self.dataset.load()
        examples: Sequence[Example] = load(self.root) if self.root is not None else load()
        if not examples:
            raise PluginError(f"data set {self.data_name!r} has no examples")
        return self.choice.of(examples, self.data_name)


@dataclass(frozen=True)
class Plan:
    """Everything a run will do, settled before any of it is done."""

    blocks: tuple[Block, ...]
    explainers: tuple[Explainer, ...]
    metrics: tuple[Metric, ...]


def plan(config: Config, registry: Registry) -> Plan:
    """Look up every name in `config`.

    Raises:
        UnknownName: a name that no plugin offers.
        ConfigError: a path is missing where the data set needs one, or given where it takes none;
            a model and a data set come together twice; a setting that a function does not take; a
            subset that cannot be read, or is of another data set.
    """
    registry = laid_over(registry, config.settings)
    names = [data.partition(":")[0] for grid in config.grid for data in grid.data]
    subsets = read_subsets(config.subset or (), names)

    def choice(limit: int | None, data: str) -> Choice:
        subset = subsets.get(data.partition(":")[0])
        return Choice(limit or config.limit, config.sample, config.classes or (), config.seed, subset)

    blocks = [
        block(registry, model, data, choice(grid.limit, data))
        for grid in config.grid
        for model in grid.models
        for data in grid.data
    ]
    pairs = [(b.model.name, b.data_name) for b in blocks]
    twice = {pair for pair in pairs if pairs.count(pair) > 1}
    if twice:
        raise ConfigError(f"the grid has {sorted(twice)[0]} more than once")
    wanted = dict.fromkeys(config.explainers or registry.explainers)
    controls = [name for name, spec in registry.explainers.items() if spec.control]
    ordered = [*(name for name in wanted if name not in controls), *controls]
    return Plan(
        blocks=tuple(blocks),
        explainers=tuple(registry.explainer(name) for name in ordered),
        metrics=tuple(registry.metric(name) for name in metrics_of(config, registry)),
    )


def metrics_of(config: Config, registry: Registry) -> list[str]:
    """The names of the metrics, each once; all there are for "all", the default's for none."""
    if ALL in config.metrics:
        return list(registry.metrics)
    default = [name for name in default_config()["metrics"] if name in registry.metrics]
    return list(dict.fromkeys(config.metrics)) or default or list(registry.metrics)


def laid_over(registry: Registry, settings: Mapping[str, Settings]) -> Registry:
    """The registry, some of its explainers and modifiers with other settings.

    Raises:
        UnknownName: there is no such explainer or modifier.
        ConfigError: its function does not take such a setting.
    """
    explainers, modifiers = dict(registry.explainers), dict(registry.modifiers)
    for name, given in settings.items():
        if name in modifiers:
            modifiers[name] = with_settings(modifiers[name], given)
        else:
            explainer = pick("explainer or modifier", name, explainers)
            explainers[name] = with_settings(explainer, given)
    return replace(registry, explainers=explainers, modifiers=modifiers)


def with_settings(spec: Named, given: Settings) -> Named:
    """A spec with other settings laid over its own, all of which its function takes."""
    takes = signature(replace(spec, settings={}).load())
    try:
        takes.bind_partial(**given)
    except TypeError as error:
        known = ", ".join(list(takes.parameters)[1:]) or "none"
        raise ConfigError(f"settings of {spec.name!r}: {error}; it takes {known}") from error
    return replace(spec, settings={**spec.settings, **given})


def block(registry: Registry, model: str, data: str, choice: Choice = ALL_EXAMPLES) -> Block:
    """A model's name and "NAME" or "NAME:PATH" of a data set, looked up."""
    dataset, name, root = dataset_at(registry, data)
    return Block(registry.model(model), dataset, name, root, choice)


def dataset_at(registry: Registry, data: str) -> tuple[Dataset, str, Path | None]:
    """The data set in "NAME" or "NAME:PATH", its name, and its folder.

    Raises:
        UnknownName: there is no such data set.
        ConfigError: it needs a path and none is given, takes none, or nothing is there.
    """
    name, _, path = data.partition(":")
    dataset = registry.dataset(name)
    if path and dataset.folder == "none":
        raise ConfigError(f"data set {name!r} is built in and takes no path; found {data!r}")
    if not path and dataset.folder == "required":
        raise ConfigError(f"data set {name!r} needs its folder: --data {name}:PATH")
    root = Path(path).expanduser() if path else None
    if root is not None and not root.exists():
        raise ConfigError(f"data set {data!r}: there is no {root}")
    return dataset, name, root
