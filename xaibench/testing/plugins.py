"""Everything that one plugin package offers, under trial."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from xaibench.api.errors import PluginError, UnknownName
from xaibench.api.specs import Settings, Spec
from xaibench.engine.discovery.registry import described, offers_of
from xaibench.engine.plan.plan import with_settings
from xaibench.testing import (
    architectures,
    commands,
    datasets,
    executors,
    explainers,
    metrics,
    models,
    modifiers,
    report_sections,
)
from xaibench.testing.clauses import Clause, ContractBroken, Subject, Verdict, check
from xaibench.testing.networks import NETWORKS, MakeClassifier


@dataclass(frozen=True)
class Given:
    """What cannot be read off a plugin's specs.

    Args:
        networks: besides ours, for explainers.
        members: of families of models, "family:name" each.
        folders: of data sets, by name.
        settings: laid over the specs', by name: fewer forwards of the same method.
    """

    networks: Sequence[MakeClassifier] = ()
    members: Sequence[str] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)
    settings: Mapping[str, Settings] = field(default_factory=dict)


@dataclass(frozen=True)
class Tried:
    """A spec under trial.

    Args:
        kind: "explainer", "model", ...
        name: of the spec.
        subject: the spec, as its clauses try it.
        contract: those clauses.
    """

    kind: str
    name: str
    subject: Subject
    contract: Sequence[Clause]


def entry_points_of(name: str) -> list[EntryPoint]:
    """Those called `name`, or of the distribution of that name.

    Raises:
        UnknownName: there is none.
    """
    points = list(entry_points(group="xaibench"))
    found = [point for point in points if plain(name) in (plain(point.name), distribution(point))]
    if found:
        return found
    known = sorted({point.name for point in points} | {distribution(point) for point in points} - {""})
    guess = get_close_matches(name, known, n=1)
    raise UnknownName(
        f"no plugin called {name!r}"
        + (f"; did you mean {guess[0]!r}?" if guess else ".")
        + f" Installed: {', '.join(known)}."
    )


def distribution(point: EntryPoint) -> str:
    """The name of the package that an entry point comes from."""
    return plain(point.dist.name) if point.dist else ""


def plain(name: str) -> str:
    """A name as package indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def tried_of(name: str, given: Given | None = None) -> list[Tried]:
    """All that the plugin called `name` offers, in the order of its lists.

    Args:
        name: of an entry point or a distribution.
        given: what cannot be read off its specs.

    Raises:
        UnknownName: there is no such plugin.
        PluginError: it cannot be loaded, or its hooks are wrong.
    """
    given = given or Given()
    found = []
    for point in entry_points_of(name):
        for kind, specs in offered_by(point).items():
            for spec in specs:
                found += tried(kind.removesuffix("s"), laid_over(spec, given.settings), given)
    return found


def offered_by(point: EntryPoint) -> dict[str, list[Any]]:
    """What its hooks return.

    Raises:
        PluginError: it cannot be loaded, or its hooks are wrong.
    """
    try:
        return offers_of(point)
    except PluginError:
        raise
    except Exception as error:  # whatever a plugin's import raises
        raise PluginError(f"plugin {point.name!r} cannot be loaded: {described(error)}") from error


def laid_over(spec: Spec, settings: Mapping[str, Settings]) -> Spec:
    """The spec, with settings that were given for it."""
    return with_settings(spec, settings[spec.name]) if spec.name in settings else spec


def tried(kind: str, spec: Any, given: Given) -> list[Tried]:
    """One spec under trial; of a family of models, one for each member that was given.

    Raises:
        PluginError: the kind has no contract.
    """
    networks = (*NETWORKS, *given.networks)
    if kind == "explainer":
        return [Tried(kind, spec.name, explainers.ExplainerSubject(spec, networks), explainers.CONTRACT)]
    if kind == "modifier":
        return [Tried(kind, spec.name, modifiers.ModifierSubject(spec, networks), modifiers.CONTRACT)]
    if kind == "metric":
        return [Tried(kind, spec.name, metrics.MetricSubject(spec), metrics.CONTRACT)]
    if kind == "architecture":
        subject = architectures.ArchitectureSubject(spec)
        return [Tried(kind, spec.name, subject, architectures.CONTRACT)]
    if kind == "dataset":
        root = given.folders.get(spec.name)
        return [Tried(kind, spec.name, datasets.DatasetSubject(spec, root), datasets.CONTRACT)]
    if kind == "executor":
        return [Tried(kind, spec.name, executors.ExecutorSubject(spec), executors.CONTRACT)]
    if kind == "command":
        return [Tried(kind, spec.words, commands.CommandSubject(spec), commands.CONTRACT)]
    if kind == "report_section":
        section = report_sections.ReportSectionSubject(spec)
        return [Tried(kind, spec.name, section, report_sections.CONTRACT)]
    if kind == "model":
        return [
            Tried(kind, one.name, models.ModelSubject(one), models.CONTRACT)
            for one in members_of(spec, given.members)
        ]
    raise PluginError(f"there is no contract of {kind}s, which {spec.name!r} is one of")


def members_of(spec: Any, names: Sequence[str]) -> list[Any]:
    """Those of a family that are named, "family:rest"; where there are none, the model itself."""
    members = [name for name in names if name.partition(":")[0] == spec.name and spec.family]
    return [member_of(spec, name) for name in members] or [spec]


def member_of(spec: Any, name: str) -> Any:
    """The model "family:rest[=WEIGHTS]" of a family."""
    rest, _, weights = name.partition(":")[2].partition("=")
    asked = {"name": rest, **({"weights": weights} if weights else {})}
    return replace(spec, name=name, settings={**spec.settings, **asked})


def check_plugin(
    name: str, given: Given | None = None, *, only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Try the contracts on everything that an installed plugin offers.

    Args:
        name: of its entry point or its distribution.
        given: what cannot be read off its specs: networks, members of families, folders, settings.
        only: the clauses to try; all where not given. A spec whose contract has none of them is loaded.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such plugin.
        PluginError: it cannot be loaded, or its hooks are wrong.
    """
    found: list[Verdict] = []
    broken: list[Verdict] = []
    for one in tried_of(name, given):
        known = [clause.name for clause in one.contract if clause.name in only]
        try:
            found += check(one.subject, one.contract, known or ("loads",) if only else ())
        except ContractBroken as error:
            broken += error.verdicts
    if broken:
        raise ContractBroken(broken)
    return tuple(found)
