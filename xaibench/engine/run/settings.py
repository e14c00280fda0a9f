"""A run from loose settings, as flags and Python calls give them, laid over a file or the default."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xaibench.engine.plan.config import Config, default_config, make_config, read_config
from xaibench.engine.work.observer import Observer
from xaibench.results.results import Results

FULL = ("insertion", "deletion", "pointing-game")


def settle(
    config: Path | None = None,
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    full: bool = False,
    **settings: Any,
) -> Config:
    """The settings of a run.

    Args:
        config: a TOML file; the embedded default where not given.
        models: by name, instead of the file's grid: each on every one of `data`.
        data: by name; where only one of the two is given, the other is the file's.
        full: the metrics of the papers, on all images.
        settings: any others of `Config`; those that are None or empty leave the file's.

    Raises:
        ConfigError: says which setting is wrong and what was expected.
    """
    plain = read_config(config) if config else default_config()
    if models or data:
        plain["grid"] = [grid_of(plain.get("grid", []), models, data)]
    if full:
        plain["metrics"] = list(FULL)
        plain.pop("limit", None)
        plain["grid"] = [without_limit(grid) for grid in plain.get("grid", [])]
    given = {name: value for name, value in settings.items() if value not in (None, (), [])}
    if given.keys() & {"limit", "sample", "subset"}:  # said by hand, it holds for all
        plain["grid"] = [without_limit(grid) for grid in plain.get("grid", [])]
        chosen = {"limit", "sample", "subset"} | ({"classes"} if "subset" in given else set())
        plain = {name: value for name, value in plain.items() if name not in chosen}
    return make_config({**plain, **given}, str(config) if config else "the settings")


def without_limit(grid: Mapping[str, Any]) -> dict[str, Any]:
    """A grid of which all examples are taken, or as many as the run says."""
    return {name: value for name, value in grid.items() if name != "limit"}


def grid_of(
    grids: Sequence[Mapping[str, Any]], models: Sequence[str], data: Sequence[str]
) -> dict[str, Any]:
    """One grid of `models` by `data`; what is not given is that of all `grids` together."""

    def all_of(what: str) -> list[str]:
        return list(dict.fromkeys(name for grid in grids for name in grid[what]))

    found: dict[str, Any] = {
        "models": list(models) or all_of("models"),
        "data": list(data) or all_of("data"),
    }
    return found


def run(
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    config: str | Path | None = None,
    full: bool = False,
    observer: Observer | None = None,
    **settings: Any,
) -> Results:
    """Run a grid of models, data sets, explainers and metrics; results as pandas frames.

    Args:
        models: by name; the embedded default's where not given.
        data: by name, "NAME" or "NAME:PATH"; likewise.
        output: the folder; `results/<name of the settings>` where not given. What it holds of the
            same run already is not done again.
        overwrite: begin anew.
        config: a TOML file to start from.
        full: the metrics of the papers, on all images.
        observer: is told how it goes.
        settings: explainers, metrics, limit, sample, classes, subset, shard, device, width,
            seed, gallery, strict.

    Raises:
        ConfigError: the settings cannot be read or carried out.
        UnknownName: a name that no plugin offers.
    """
    from xaibench.engine.run.run import run as run_config  # opens torch

    found = settle(Path(config) if config else None, tuple(models), tuple(data), full=full, **settings)
    return run_config(found, Path(output) if output else None, overwrite, observer)
