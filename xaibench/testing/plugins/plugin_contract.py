"""Everything that one plugin package offers, under trial."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from xaibench.api.errors import PluginError, UnknownName
from xaibench.api.specs import Command, Settings, Spec
from xaibench.engine.discovery.registry import described, offers_of
from xaibench.engine.plan.plan import with_settings
from xaibench.testing.architectures import architecture_contract
from xaibench.testing.architectures.architecture_contract import ArchitectureSubject
from xaibench.testing.commands import command_contract
from xaibench.testing.commands.command_contract import CommandSubject
from xaibench.testing.common.contract import Clause, ContractBroken, Subject, Verdict, check
from xaibench.testing.common.tiny_networks import NETWORKS, MakeClassifier
from xaibench.testing.datasets import dataset_contract
from xaibench.testing.datasets.dataset_contract import DatasetSubject
from xaibench.testing.executors import executor_contract
from xaibench.testing.executors.executor_contract import ExecutorSubject
from xaibench.testing.explainers import explainer_contract
from xaibench.testing.explainers.explainer_contract import ExplainerSubject
from xaibench.testing.metrics import metric_contract
from xaibench.testing.metrics.metric_contract import MetricSubject
from xaibench.testing.models import model_contract
from xaibench.testing.models.model_contract import ModelSubject
from xaibench.testing.modifiers import modifier_contract
from xaibench.testing.modifiers.modifier_contract import ModifierSubject
from xaibench.testing.report_sections import report_section_contract
from xaibench.testing.report_sections.report_section_contract import ReportSectionSubject


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
    matching = [point for point in points if plain(name) in (plain(point.name), distribution(point))]
    if matching:
        return matching
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
    trials = []
    for point in entry_points_of(name):
        for kind, specs in offered_by(point).items():
            for spec in specs:
                trials += tried(kind.removesuffix("s"), laid_over(spec, given.settings), given)
    return trials


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


SUBJECTS: Mapping[str, tuple[Callable[[Any, Given], Subject], Sequence[Clause]]] = {
    "explainer": (
        lambda spec, given: ExplainerSubject(spec, (*NETWORKS, *given.networks)),
        explainer_contract.CONTRACT,
    ),
    "modifier": (
        lambda spec, given: ModifierSubject(spec, (*NETWORKS, *given.networks)),
        modifier_contract.CONTRACT,
    ),
    "metric": (lambda spec, _: MetricSubject(spec), metric_contract.CONTRACT),
    "model": (lambda spec, _: ModelSubject(spec), model_contract.CONTRACT),
    "architecture": (lambda spec, _: ArchitectureSubject(spec), architecture_contract.CONTRACT),
    "dataset": (
        lambda spec, given: DatasetSubject(spec, given.folders.get(spec.name)),
        dataset_contract.CONTRACT,
    ),
    "executor": (lambda spec, _: ExecutorSubject(spec), executor_contract.CONTRACT),
    "command": (lambda spec, _: CommandSubject(spec), command_contract.CONTRACT),
    "report_section": (lambda spec, _: ReportSectionSubject(spec), report_section_contract.CONTRACT),
}


def tried(kind: str, spec: Any, given: Given) -> list[Tried]:
    """Return one spec under trial; of a family of models, one for each member that was given.

    Args:
        kind: "explainer", "model", ...
        spec: the spec, of that kind.
        given: what cannot be read off the spec.

    Raises:
        PluginError: the kind has no contract.
    """
    if kind not in SUBJECTS:
        raise PluginError(f"there is no contract of {kind}s, which {spec.name!r} is one of")
    subject_of, contract = SUBJECTS[kind]
    specs = members_of(spec, given.members) if kind == "model" else [spec]
    return [Tried(kind, title_of(one), subject_of(one, given), contract) for one in specs]


def title_of(spec: Any) -> str:
    """Return what a specification is called: a command by all of its words."""
    return spec.words if isinstance(spec, Command) else str(spec.name)


def members_of(spec: Any, names: Sequence[str]) -> list[Any]:
    """Those of a family that are named, "family:rest"; where there are none, the model itself."""
    members = [name for name in names if name.partition(":")[0] == spec.name and spec.family]
    return [member_of(spec, name) for name in members] or [spec]


def member_of(spec: Any, name: str) -> Any:
    """The model "family:rest[=WEIGHTS]" of a family."""
    rest, _, weights = name.partition(":")[2].partition("=")
    settings = {"name": rest, **({"weights": weights} if weights else {})}
    return replace(spec, name=name, settings={**spec.settings, **settings})


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
    every_verdict: list[Verdict] = []
    broken: list[Verdict] = []
    for one in tried_of(name, given):
        known = [clause.name for clause in one.contract if clause.name in only]
        try:
            every_verdict += check(one.subject, one.contract, known or ("loads",) if only else ())
        except ContractBroken as error:
            broken += error.verdicts
    if broken:
        raise ContractBroken(broken)
    return tuple(every_verdict)
