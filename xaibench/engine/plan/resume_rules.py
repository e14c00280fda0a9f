"""Rules of resuming: the settings with which a folder that holds a run may be continued."""

from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path

from xaibench.api.errors import ConfigError
from xaibench.engine.plan.config import ALL, MODES, Config, default_config, stored_config


def refuse_to_follow(earlier: Path, config: Config) -> None:
    """Settings may go on in a folder where they ask for what it has, and perhaps for more.

    Args:
        earlier: the settings of the folder's run, a TOML file.
        config: the new ones.

    Raises:
        ConfigError: they ask for less, or for something else, or the earlier ones are damaged.
    """
    cure = "Choose another --output, or --overwrite it"
    try:
        before = stored_config(earlier)
    except ConfigError as error:
        raise ConfigError(f"{error}. The folder's run cannot be resumed. {cure}") from error
    differ = [*_other(before, config), *_less(before, config)]
    if differ:
        raise ConfigError(
            f"{earlier.parent} holds a run with other settings: {'; '.join(differ)}. {cure}"
        )


def _other(before: Config, now: Config) -> Iterator[str]:
    for name in ("seed", "sample", "classes", "subset", "settings", *MODES):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            yield f"{name} was {old}, and is {new}"


def _less(before: Config, now: Config) -> Iterator[str]:
    default = default_config()["metrics"]
    named: dict[str, tuple[Sequence[str], Sequence[str], bool]] = {
        "explainers": (before.explainers or (ALL,), now.explainers, not now.explainers),
        "metrics": (before.metrics or default, now.metrics or default, ALL in now.metrics),
    }
    for name, (old, new, all_of_them) in named.items():
        gone = [] if all_of_them else [one for one in old if one not in new]
        if gone:
            yield f"{name} had {', '.join(gone)}"
    images = _limits(now)
    for (model, data), most in _limits(before).items():
        left = images.get((model, data), 0)
        if left < most:
            what = f"has {left} examples, and had {most}" if left else "is not asked for any more"
            yield f"{model} on {data} {what}"


def _limits(config: Config) -> dict[tuple[str, str], float]:
    """Return the largest number of examples of each model and data set."""
    return {
        (model, data): grid.limit or config.limit or inf
        for grid in config.grid
        for model in grid.models
        for data in grid.data
    }
