"""What to run: the same settings from a TOML file, from flags or from Python."""

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

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
        gallery: how many images of each model and data set are kept for the picture.
        strict: a broken plugin is an error, rather than reported.
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
    strict: bool = False
    settings: dict[str, dict[str, str | int | float | bool]] = {}

    def __post_init__(self) -> None:
        for name, least in (("limit", 1), ("sample", 1), ("shard", 1), ("width", 0), ("gallery", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        if not self.grid:
            raise ValueError("grid is empty; name at least one model and one data set")
        limited = self.limit is not None or any(grid.limit is not None for grid in self.grid)
        if limited and self.sample is not None:
            raise ValueError("limit and sample are both there; one of them says how many")
        if self.subset and (limited or self.sample is not None or self.classes):
            raise ValueError("subset says which images; no limit, sample or classes beside it")

    def facts(self) -> dict[str, Any]:
        """As plain data, as in the TOML file; settings that are None or {} are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value not in (None, {})}

    def toml(self) -> str:
        """The TOML file that says the same."""
        return tomli_w.dumps(self.facts())

    def name(self) -> str:
        """A name for the run that depends on its settings alone: the same again resumes it."""
        said = json.dumps(self.facts(), sort_keys=True)
        return f"run-{sha256(said.encode()).hexdigest()[:8]}"


def default_config() -> dict[str, Any]:
    """The embedded default as plain data."""
    text = (files("xaibench.engine") / "default.toml").read_text(encoding="utf-8")
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
    except msgspec.DecodeError as error:
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
