"""The settings of a run, which are the same in a TOML file, as options and in Python."""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Meta

from xaibench.api.errors import ConfigError


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every one of `models` on every one of `data`, each "NAME" or "NAME:REST".

    `limit` is that of these data sets; where it is None, the run's.
    """

    models: tuple[str, ...]
    data: tuple[str, ...]
    limit: int | None = None


ANYWHERE = (  # settings that change no row's meaning
    *("images_per_shard", "device", "width", "gallery", "timeout", "keep_maps", "strict"),
    *("executor", "address", "executing"),
)
MODES = ("dtype", "compile", "deterministic")  # how the network is computed: in every row
ALL = "all"  # instead of metrics' names
LISTS = ("models", "data", "explainers", "metrics", "classes", "subset")  # settings that are lists
FORMER_NAMES = {"shard": "images_per_shard"}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a run, and their one definition: name, type, default and meaning.

    A field that is added here is a key of the TOML file, a keyword of `xaibench.run` and, where its type
    is one of a command line, an option of `xaibench run`, with this description as its help. The
    signature of `run` in `engine/run/settings.py` repeats the keyword for type checkers, and a test
    compares it with this class. A setting that changes no row's meaning is named in `ANYWHERE`, too.
    """

    grid: Annotated[tuple[Grid, ...], Meta(description="Which models see which data sets.")]
    explainers: Annotated[
        tuple[str, ...],
        Meta(
            description="Explainers by name; all that are installed if empty, also those of thousands "
            "of forwards an image. The controls are always added."
        ),
    ] = ()
    metrics: Annotated[
        tuple[str, ...],
        Meta(
            description="Metrics by name; those of the default run if empty; all that are installed for "
            '"all", also those of hundreds of forwards a map.'
        ),
    ] = ()
    limit: Annotated[
        int | None,
        Meta(description="Number of examples of each data set, from its start; all if not set."),
    ] = None
    sample: Annotated[
        int | None,
        Meta(
            description="Number of images of each data set, drawn by the seed and stratified by class; "
            "all if not set."
        ),
    ] = None
    classes: Annotated[
        tuple[str, ...] | None,
        Meta(description="Classes to ask about, by name or index; all if not set."),
    ] = None
    subset: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Files that list exactly which images to use: subset-DATA.json of another run."
        ),
    ] = None
    images_per_shard: Annotated[
        int, Meta(description="Number of images that are worked on together and written to one file.")
    ] = 4
    device: Annotated[
        str,
        Meta(description='Device to compute on: "cpu", "cuda", "cuda:1" or "auto", the best there is.'),
    ] = "auto"
    width: Annotated[
        int, Meta(description="Number of images in a pass of the stream; measured if 0.")
    ] = 0
    seed: Annotated[int, Meta(description="Seed of all random numbers.")] = 0
    gallery: Annotated[
        int,
        Meta(description="Number of images per model and data set whose maps are shown in the gallery."),
    ] = 3
    dtype: Annotated[
        Literal["float32", "bf16"],
        Meta(
            description="Type of the numbers in the forwards of metrics and perturbing explainers: "
            "float32 or bf16; captures and maps stay in float32."
        ),
    ] = "float32"
    compile: Annotated[
        bool,
        Meta(description="Run those forwards by a compiled copy of the network, where one can be made."),
    ] = False
    deterministic: Annotated[
        bool,
        Meta(description="Compute the same bits each time; a method that cannot fails."),
    ] = False
    timeout: Annotated[
        float,
        Meta(
            description="Seconds of its own code that a method may take for a shard before it fails, "
            "without the forwards that it asks for; no limit if 0."
        ),
    ] = 3600.0
    keep_maps: Annotated[
        bool,
        Meta(
            description="Keep all maps, so that `xaibench score` can add metrics without the explainers."
        ),
    ] = False
    strict: Annotated[
        bool, Meta(description="Stop with an error if a plugin is broken, rather than report it.")
    ] = False
    executor: Annotated[str, Meta(description='Where the run is computed; "here" is this process.')] = (
        "here"
    )
    address: Annotated[
        str, Meta(description="Address of the executor, such as HOST:PORT of a Ray cluster.")
    ] = ""
    executing: Annotated[
        dict[str, str | int | float | bool], Meta(description="Settings of the executor.")
    ] = {}
    settings: Annotated[
        dict[str, dict[str, str | int | float | bool]],
        Meta(
            description="Settings of explainers and modifiers by name, laid over their own; those of a "
            "modifier hold wherever it is used."
        ),
    ] = {}

    def __post_init__(self) -> None:
        least_of = {
            "limit": 1,
            "sample": 1,
            "images_per_shard": 1,
            "width": 0,
            "gallery": 0,
            "timeout": 0,
        }
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
        modes = {"compiled": self.compile, "deterministic": self.deterministic}
        return ", ".join(mode for mode, on in modes.items() if on)

    def facts(self) -> dict[str, Any]:
        """As plain data, as in the TOML file; settings that are None or {} are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value not in (None, {})}

    def toml(self) -> str:
        """The TOML file that says the same."""
        return tomli_w.dumps(self.facts())

    def name(self) -> str:
        """A name for the run that depends on its settings alone: the same again resumes it."""
        text = json.dumps(
            {name: value for name, value in self.facts().items() if name not in ANYWHERE}, sort_keys=True
        )
        return f"run-{sha256(text.encode()).hexdigest()[:8]}"


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
    """Check settings: none is unknown, none has a wrong type.

    Args:
        settings: as plain data, as in the TOML file.
        source: where they are from, for the message.

    Raises:
        ConfigError: says which field is wrong and what was expected.
    """
    refuse_unknown(settings, Config.__struct_fields__, source)
    for grid in grids_of(settings):
        refuse_unknown(grid, Grid.__struct_fields__, f"{source}, [[grid]]")
    try:
        return msgspec.convert(dict(settings), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {error}.{hint_for_lists(settings)}") from error


def grids_of(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tables of the grid in settings that are not yet checked."""
    grids = settings.get("grid")
    tables = grids if isinstance(grids, list | tuple) else ()
    return [each for each in tables if isinstance(each, Mapping)]


def stored_config(path: Path) -> Config:
    """Read the settings that a results folder keeps, also those written by a former version.

    Args:
        path: `config.toml` of the folder.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds no settings of a run.
    """
    return make_config(renamed(read_config(path)), str(path))


def is_stored(path: Path) -> bool:
    """Return whether a settings file is one that a results folder keeps."""
    return path.name == "config.toml" and (path.parent / "scores").is_dir()


def renamed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that a former version has written, by their names of today."""
    return {FORMER_NAMES.get(name, name): value for name, value in settings.items()}


def refuse_unknown(settings: Iterable[str], known: Sequence[str], source: str) -> None:
    """Refuse names that are no settings.

    Args:
        settings: the names.
        known: names that there are.
        source: where the settings are from, for the message.

    Raises:
        ConfigError: one is not known; says what it is called now, or which one was probably meant.
    """
    for name in settings:
        if name in known:
            continue
        if FORMER_NAMES.get(name) in known:
            raise ConfigError(f"{source}: {name!r} is called {FORMER_NAMES[name]!r} now")
        guess = get_close_matches(name, known, n=1)
        meant = f"; did you mean {guess[0]!r}?" if guess else "."
        if known == Grid.__struct_fields__ and name in Config.__struct_fields__:
            meant = "; it is a setting of the whole run: write it above the first [[grid]]."
        elif known == Config.__struct_fields__ and name in Grid.__struct_fields__:
            meant = "; it is a setting of a grid: write it below [[grid]]."
        raise ConfigError(f"{source}: there is no setting {name!r}{meant} Settings: {', '.join(known)}.")


def hint_for_lists(settings: Mapping[str, Any]) -> str:
    """Return what to write instead of a string where a list is meant; "" where none is."""
    given = [pair for table in (settings, *grids_of(settings)) for pair in table.items()]
    wrong = [(name, value) for name, value in given if name in LISTS and isinstance(value, str)]
    return "".join(f' {name} is a list: write {name} = ["{value}"].' for name, value in wrong)
