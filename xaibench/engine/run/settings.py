"""A run from loose settings, as flags and Python calls give them, laid over a file or the default."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, Literal, ParamSpec

from xaibench.api.errors import ConfigError
from xaibench.engine.plan.config import (
    LISTS,
    Config,
    default_config,
    is_stored,
    make_config,
    read_config,
    refuse_unknown,
    renamed,
)
from xaibench.engine.plan.part import WHOLE, part_of
from xaibench.engine.plan.setting_fields import settings_of_a_run
from xaibench.engine.work.observer import Observer
from xaibench.results.results import Results

FULL = ("insertion", "deletion", "pointing-game")
P = ParamSpec("P")


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
    plain = read_settings(config) if config else default_config()
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


def read_settings(config: Path) -> dict[str, Any]:
    """Read a TOML file; one that a results folder keeps may be of a former version."""
    plain = read_config(config)
    return renamed(plain) if is_stored(config) else plain


def without_limit(grid: Mapping[str, Any]) -> dict[str, Any]:
    """A grid of which all examples are taken, or as many as the run says."""
    return {name: value for name, value in grid.items() if name != "limit"}


def grid_of(
    grids: Sequence[Mapping[str, Any]], models: Sequence[str], data: Sequence[str]
) -> dict[str, Any]:
    """One grid of `models` by `data`; what is not given is that of all `grids` together."""

    def all_of(what: str) -> list[str]:
        return list(dict.fromkeys(name for grid in grids for name in grid[what]))

    grid: dict[str, Any] = {
        "models": list(models) or all_of("models"),
        "data": list(data) or all_of("data"),
    }
    return grid


def explicit_keywords(declared: Callable[P, Results]) -> Callable[P, Results]:
    """Have `run_given` carry out the calls of a function that declares the keywords of a run.

    The declaration is what editors, type checkers and `help` show; its defaults are those of `Config`.
    Only keywords that a caller wrote are passed on, so that the others leave the settings of a file as
    they are, and one that is not declared is refused by name.
    """
    declaration = signature(declared)

    @wraps(declared)
    def checked(*positional: P.args, **keywords: P.kwargs) -> Results:
        refuse_unknown(keywords, list(declaration.parameters), "xaibench.run()")
        return run_given(**declaration.bind(*positional, **keywords).arguments)

    checked.__doc__ = (declared.__doc__ or "").replace("{settings}", descriptions())
    return checked


def descriptions() -> str:
    """Return what each setting means, as lines of a docstring."""
    return "\n        ".join(f"{each.name}: {each.description}" for each in settings_of_a_run())


@explicit_keywords
def run(  # noqa: D417 (`Config` describes the settings)
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    config: str | Path | None = None,
    full: bool = False,
    part: str = "1/1",
    observer: Observer | None = None,
    explainers: Sequence[str] = (),
    metrics: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    classes: Sequence[str] | None = None,
    subset: Sequence[str] | None = None,
    images_per_shard: int = 4,
    device: str = "auto",
    width: int = 0,
    seed: int = 0,
    gallery: int = 3,
    dtype: Literal["float32", "bf16"] = "float32",
    compile: bool = False,
    deterministic: bool = False,
    timeout: float = 3600.0,
    keep_maps: bool = False,
    strict: bool = False,
    executor: str = "here",
    address: str = "",
    executing: Mapping[str, str | int | float | bool] = {},
    settings: Mapping[str, Mapping[str, str | int | float | bool]] = {},
) -> Results:
    """Run a grid of models, data sets, explainers and metrics, and return the results as pandas frames.

    Settings that are not given are those of the file `config`, or of the embedded default.

    Args:
        models: names of models; the embedded default's where not given.
        data: names of data sets, "NAME" or "NAME:PATH"; likewise.
        output: the folder; `results/<name of the settings>` where not given, with `-part-i-of-n` for a
            part. What it holds of the same run already is not done again.
        overwrite: whether to begin anew in a folder that holds a run.
        config: a TOML file to start from.
        full: whether to take the metrics of the papers, on all images.
        part: "i/n", the i-th of n parts of every block, for n machines; see `xaibench merge`.
        observer: is told how it goes.
        {settings}

    Returns:
        The results of everything that the folder holds.

    Raises:
        ConfigError: the settings cannot be read or carried out, or a keyword is no setting.
        UnknownName: a name that no plugin offers.
    """
    raise NotImplementedError  # `explicit_keywords` carries it out


def run_given(
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    config: str | Path | None = None,
    full: bool = False,
    part: str = "1/1",
    observer: Observer | None = None,
    **settings: Any,
) -> Results:
    """Run what the keywords of `run` that a caller wrote ask for; see there.

    Raises:
        ConfigError, UnknownName: as `run` does.
    """
    from xaibench.engine.run.run import run as run_config  # opens torch

    for name, value in {"models": models, "data": data, **settings}.items():
        refuse_string(name, value)
    path = Path(config) if config else None
    whole = settle(path, tuple(models), tuple(data), full=full, **settings)
    share = part_of(part)
    folder = Path(output) if output else Path("results") / whole.name()
    if not output and share != WHOLE:
        folder = share.folder(folder)
    return run_config(whole, folder, overwrite, observer, part=share)


def refuse_string(name: str, value: object) -> None:
    """Refuse a string where a list of names is meant.

    Raises:
        ConfigError: says how to write the list.
    """
    if name in LISTS and isinstance(value, str):
        raise ConfigError(f'{name}="{value}" is a string, and a list is expected: {name}=["{value}"]')
