"""What to run: the same settings from a TOML file, from flags or from Python."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w

from xaibench.api.errors import ConfigError


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every one of `models` on every one of `data`, each "NAME" or "NAME:REST".

    `limit` is that of these data sets; where it is None, the run's.
    """

    models: tuple[str, ...]
    data: tuple[str, ...]
    limit: int | None = None


ANYWHERE = (  # no row's meaning
    *("shard", "device", "width", "gallery", "timeout", "keep_maps", "strict"),
    *("executor", "address", "executing"),
)
MODES = ("dtype", "compile", "deterministic")  # how the network is computed: in every row
ALL = "all"  # instead of metrics' names


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a run.

    Args:
        grid: which models see which data.
        explainers: by name; empty: all that are installed, also those of thousands of forwards an image.
            Null explainers are always added.
        metrics: by name; empty: those of the embedded default; "all": all that are installed, also those
            of hundreds of forwards a map.
        limit: how many examples of each data set, from its start; None: all.
        sample: how many images of each data set, drawn by `seed` and stratified by class; None: all.
        classes: by name or index, the only ones asked about; None: all.
        subset: files that say exactly which images, one for each data set; None: as the above say.
        shard: how many images are worked on together and written at once.
        device: "auto", "cpu", "cuda", "cuda:1", ...
        width: images a pass of the stream; 0: measured.
        seed: of everything random.
        dtype: of the stream's forwards; captures and maps stay in float32.
        compile: the stream's forwards by a compiled copy of the network, where one can be had.
        deterministic: operations give the same bits each time, or fail their cell.
        timeout: seconds that a method's own code may take for a shard, all its turns together but not
            the forwards that it asks for, before it is stopped and fails; 0: any.
        keep_maps: keep all maps, at their own resolution, so that more metrics need no explainer.
        gallery: how many images of each model and data set are kept for the picture.
        strict: a broken plugin is an error, rather than reported.
        executor: where it is computed; "here" is this process.
        address: of the executor, where it has one.
        executing: settings of the executor.
        settings: of explainers and modifiers, by name, laid over theirs; a modifier's hold wherever
            it is used.
    """

    grid: tuple[Grid, ...]
    explainers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limit: int | None = None
    sample: int | None = None
    classes: tuple[str, ...] | None = None
    subset: tuple[str, ...] | None = None
    shard: int = 4
    device: str = "auto"
    width: int = 0
    seed: int = 0
    gallery: int = 3
    dtype: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    deterministic: bool = False
    timeout: float = 3600.0
    keep_maps: bool = False
    strict: bool = False
    executor: str = "here"
    address: str = ""
    executing: dict[str, str | int | float | bool] = {}
    settings: dict[str, dict[str, str | int | float | bool]] = {}

    def __post_init__(self) -> None:
        least_of = {"limit": 1, "sample": 1, "shard": 1, "width": 0, "gallery": 0, "timeout": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        if not self.grid:
            raise ValueError("grid is empty; name at least one model and one data set")
        if self.compile and self.dtype != "float32":
            raise ValueError(f"compile and dtype {self.dtype} are both there; compiled is float32")
        limited = self.limit is not None or any(grid.limit is not None for grid in self.grid)
        if limited and self.sample is not None:
            raise ValueError("limit and sample are both there; one of them says how many")
        if self.subset and (limited or self.sample is not None or self.classes):
            raise ValueError("subset says which images; no limit, sample or classes beside it")

    @property
    def mode(self) -> str:
        """As rows say it: "compiled", "deterministic", both, or nothing."""
        said = {"compiled": self.compile, "deterministic": self.deterministic}
        return ", ".join(mode for mode, on in said.items() if on)

    def facts(self) -> dict[str, Any]:
        """As plain data, as in the TOML file; settings that are None or {} are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value not in (None, {})}

    def toml(self) -> str:
        """The TOML file that says the same."""
        return tomli_w.dumps(self.facts())

    def name(self) -> str:
        """A name for the run that depends on its settings alone: the same again resumes it."""
        said = json.dumps(
            {name: value for name, value in self.facts().items() if name not in ANYWHERE}, sort_keys=True
        )
        return f"run-{sha256(said.encode()).hexdigest()[:8]}"


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
        before = make_config(read_config(earlier), str(earlier))
    except ConfigError as error:
        raise ConfigError(f"{error}. The folder's run cannot be gone on with. {cure}") from error
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
    """How many examples at most, of each model and data set."""
    return {
        (model, data): grid.limit or config.limit or inf
        for grid in config.grid
        for model in grid.models
        for data in grid.data
    }


def default_config() -> dict[str, Any]:
    """The embedded default as plain data."""
    text = (files("xaibench.engine.plan") / "default.toml").read_text(encoding="utf-8")
    return _plain(text, "the embedded default")


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file as plain data; not yet checked, so that flags can be laid over it.

    Raises:
        ConfigError: the file cannot be read or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path} cannot be read: {error}") from error
    return _plain(text, f"config {path}")


def _plain(text: str, source: str) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = msgspec.toml.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # too many digits, brackets
        raise ConfigError(f"{source} is not TOML: {error}") from error
    return plain


def make_config(settings: Mapping[str, Any], source: str = "the settings") -> Config:
    """Settings checked: nothing unknown, nothing of the wrong type.

    Raises:
        ConfigError: says which field is wrong and what was expected.
    """
    try:
        return msgspec.convert(dict(settings), Config)
    except msgspec.ValidationError as error:
        known = ", ".join(Config.__struct_fields__)
        raise ConfigError(f"{source}: {error}. Settings: {known}.") from error
