"""Finds the installed plugins and looks them up by name. Opens no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePath
from typing import Any, TypeVar

import pluggy

from xaibench.api import hooks
from xaibench.api.errors import PluginError, UnknownName
from xaibench.api.reporting import ReportSection
from xaibench.api.specs import (
    Architecture,
    Command,
    Dataset,
    Executor,
    Explainer,
    Metric,
    Model,
    Modifier,
    Spec,
    modified,
)

Named = TypeVar("Named", bound=Spec)
KINDS: dict[str, type[Spec]] = {
    "models": Model,
    "architectures": Architecture,
    "explainers": Explainer,
    "modifiers": Modifier,
    "metrics": Metric,
    "datasets": Dataset,
    "executors": Executor,
    "commands": Command,
    "report_sections": ReportSection,
}
HERE = Executor(name="here", at="xaibench.engine.run.local_executor:here", summary="this process")


@dataclass(frozen=True)
class Plugin:
    """An entry point in the group `xaibench`.

    Args:
        name: of the entry point.
        distribution: the installed package it comes from, and its version.
        offers: how many specs of each kind.
        broken: why it could not be loaded; empty where it could.
    """

    name: str
    distribution: str
    version: str
    offers: Mapping[str, int] = field(default_factory=dict)
    broken: str = ""


@dataclass(frozen=True)
class Registry:
    """What installed packages offer, and which plugins could not be loaded, with the reason."""

    models: dict[str, Model]
    explainers: dict[str, Explainer]
    metrics: dict[str, Metric]
    datasets: dict[str, Dataset]
    plugins: tuple[Plugin, ...]
    modifiers: dict[str, Modifier] = field(default_factory=dict)
    architectures: dict[str, Architecture] = field(default_factory=dict)
    executors: dict[str, Executor] = field(default_factory=lambda: {HERE.name: HERE})
    commands: dict[str, Command] = field(default_factory=dict)
    report_sections: dict[str, ReportSection] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, str]:
        """Reason by name of each plugin that could not be loaded."""
        return {plugin.name: plugin.broken for plugin in self.plugins if plugin.broken}

    def model(self, name: str) -> Model:
        """The model called `name`, "NAME[@LAYER][=WEIGHTS]", its settings saying what was asked for.

        Of a family, NAME is "family:rest", and the spec is that of the one member. LAYER is the path
        of a module; WEIGHTS a file or "random". The spec is called as it was asked for, but by the
        file's name alone: where weights lie is no part of what a row means.
        """
        plain, _, weights = name.partition("=")
        plain, _, layer = plain.partition("@")
        family, _, rest = plain.partition(":")
        spec = pick("model", family if rest else plain, self.models)
        if rest and not spec.family:
            raise UnknownName(f"model {family!r} is one model and takes no {':' + rest!r}")
        if spec.family and not rest:
            raise UnknownName(f"model {plain!r} is a family; say which, as in '{plain}:NAME'")
        parts = {"name": rest, "target_layer": layer, "weights": weights}
        settings = {**spec.settings, **{setting: value for setting, value in parts.items() if value}}
        return replace(spec, name=short_name(name, spec.folder), settings=settings)

    def architecture(self, name: str) -> Architecture:
        """The architecture called `name`; of a family also "family:rest", REST in its settings."""
        family, _, rest = name.partition(":")
        spec = pick("architecture", family, self.architectures)
        if rest and not spec.family:
            raise UnknownName(f"architecture {family!r} is one and takes no {':' + rest!r}")
        settings = {**spec.settings, **({"name": rest} if rest else {})}
        return replace(spec, name=name, settings=settings)

    def explainer(self, name: str) -> Explainer:
        """The explainer called `name`; of "NAME+modifier", that explainer under that modifier.

        An explainer whose own name has a plus in it is found before that is taken apart.
        """
        known, _, last = name.rpartition("+")
        if name in self.explainers or not (known and last and self.modifiers):
            return pick("explainer", name, self.explainers)
        return modified(self.explainer(known), self.modifier(last))

    def modifier(self, name: str) -> Modifier:
        """The modifier called `name`."""
        return pick("modifier", name, self.modifiers)

    def metric(self, name: str) -> Metric:
        """The metric called `name`."""
        return pick("metric", name, self.metrics)

    def dataset(self, name: str) -> Dataset:
        """The data set called `name`."""
        return pick("data set", name, self.datasets)

    def executor(self, name: str) -> Executor:
        """The executor called `name`."""
        try:
            return pick("executor", name, self.executors)
        except UnknownName as error:
            raise UnknownName(
                f"{error} Others come with packages of their own: pip install xaibench-{name}"
            ) from None


@cache
def installed(strict: bool = False) -> Registry:
    """Every model, explainer, modifier, metric and data set that an installed package offers.

    Args:
        strict: a plugin that cannot be loaded is an error rather than an entry in `broken`.

    Raises:
        PluginError: two packages offer the same name, or, if `strict`, a plugin is broken.
    """
    return collect(tuple(entry_points(group="xaibench")), strict)


def collect(points: Iterable[EntryPoint], strict: bool = False) -> Registry:
    """The registry of some entry points, each loaded on its own."""
    offered: dict[str, dict[str, Spec]] = {kind: {} for kind in KINDS}
    provider: dict[tuple[str, str], str] = {}
    claim("executors", HERE, "'xaibench' itself", offered, provider)
    plugins = []
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        package = point.dist.metadata if point.dist else None  # each access parses the file anew
        distribution = package["Name"] if package else "unknown distribution"
        version = package["Version"] if package else ""
        known = Plugin(point.name, distribution, version)
        try:
            specs = offers_of(point)
        except Exception as error:  # whatever a plugin's import raises, the others must still run
            reason = str(error) if isinstance(error, PluginError) else described(error)
            if strict:
                raise PluginError(
                    f"plugin {point.name!r} ({distribution}) cannot be loaded: {reason}"
                ) from error
            plugins.append(replace(known, broken=reason))
            continue
        for kind, of_kind in specs.items():
            for spec in of_kind:
                claim(kind, spec, f"{point.name!r} ({distribution})", offered, provider)
        counts = {kind: len(of_kind) for kind, of_kind in specs.items() if of_kind}
        plugins.append(replace(known, offers=counts))
    in_order: Any = {kind: dict(sorted(by_name.items())) for kind, by_name in offered.items()}
    return Registry(**in_order, plugins=tuple(plugins))


def offers_of(point: EntryPoint) -> dict[str, list[Any]]:
    """What one entry point's hooks return, its hooks checked on the way.

    Raises:
        PluginError: it was made for a newer API, a hook is misspelt, or a hook returns no specs.
    """
    module = point.load()
    made_for = getattr(module, "XAIBENCH_API", hooks.API_VERSION)
    if made_for > hooks.API_VERSION:
        raise PluginError(
            f"made for plugin API {made_for}, and this xaibench has {hooks.API_VERSION}; "
            "upgrade xaibench, or install an older version of the plugin"
        )
    manager = pluggy.PluginManager("xaibench")
    manager.add_hookspecs(hooks)
    manager.register(module, name=point.name)
    refuse_misspelt(manager, module)
    return {kind: specs_of(manager, kind) for kind in KINDS}


def refuse_misspelt(manager: pluggy.PluginManager, module: object) -> None:
    """A misspelt hook is an error, not a silence; so is one without its marker."""
    known = [f"xaibench_{kind}" for kind in KINDS]
    for name in dir(module):
        value = getattr(module, name)
        marked = hasattr(value, "xaibench_impl")
        if not callable(value) or not (marked or name in known):
            continue
        if name not in known:
            guess = get_close_matches(name, known, n=1)
            raise PluginError(
                f"hook {name!r} does not exist"
                + (f"; did you mean {guess[0]!r}?" if guess else f"; there are {', '.join(known)}")
            )
        if not marked:
            raise PluginError(f"hook {name!r} is not marked; put @hookimpl above it")


def specs_of(manager: pluggy.PluginManager, kind: str) -> list[Any]:
    """The specs that a plugin's hook for `kind` returns, none where it has no such hook."""
    specs = []
    for implementation in getattr(manager.hook, f"xaibench_{kind}").get_hookimpls():
        for spec in implementation.function():
            if not isinstance(spec, KINDS[kind]):
                raise PluginError(
                    f"hook 'xaibench_{kind}' returned {spec!r}; "
                    f"expected a list of {KINDS[kind].__name__}"
                )
            specs.append(spec)
    return specs


def claim(
    kind: str,
    spec: Spec,
    owner: str,
    offered: dict[str, dict[str, Spec]],
    provider: dict[tuple[str, str], str],
) -> None:
    """Enter `spec` under its name; two plugins may not offer the same."""
    name = spec.words if isinstance(spec, Command) else spec.name
    if name in offered[kind]:
        raise PluginError(
            f"plugins {provider[kind, name]} and {owner} both offer the "
            f"{kind.removesuffix('s').replace('_', ' ')} {name!r}; uninstall one of the two"
        )
    offered[kind][name] = spec
    provider[kind, name] = owner


def pick(kind: str, name: str, offered: Mapping[str, Named]) -> Named:
    """Look up `name`.

    Raises:
        UnknownName: there is none; says which names there are, and the one probably meant.
    """
    if name in offered:
        return offered[name]
    guess = get_close_matches(name, offered, n=1)
    raise UnknownName(
        f"no {kind} called {name!r}"
        + (f"; did you mean {guess[0]!r}?" if guess else ".")
        + f" Installed: {', '.join(offered)}."
    )


def short_name(model: str, folder: bool = False) -> str:
    """A model's name as it was asked for, without the folder of its weights.

    Args:
        model: as it was asked for.
        folder: what stands behind its colon is a path.
    """
    plain, _, weights = model.partition("=")
    if folder:
        family, _, rest = plain.partition(":")
        path, at, layer = rest.partition("@")
        plain = f"{family}:{PurePath(path).name or path}{at}{layer}"
    return f"{plain}={PurePath(weights).name}" if weights else plain


def described(error: Exception) -> str:
    """An error on one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
