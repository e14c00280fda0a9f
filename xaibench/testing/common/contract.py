"""What a contract is made of: clauses, each tried on a plugin, and what came of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from xaibench.api.errors import UnknownName

KEPT, BROKEN, NOT_ASKED = "kept", "broken", "not asked"
LOADS = "loads"  # the first clause of every contract


class Broken(Exception):  # noqa: N818 (a clause is broken; the error that is shown is ContractBroken)
    """Raised within a clause: what was expected, and what came."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(expected, actual)
        self.expected, self.actual = expected, actual


class NotAsked(Exception):  # noqa: N818 (no error)
    """Raised within a clause that does not apply to this plugin, with the reason."""


class ContractBroken(AssertionError):  # noqa: N818 (reads as the sentence it is)
    """A plugin does not keep its contract.

    Args:
        verdicts: of the clauses that are broken.
    """

    def __init__(self, verdicts: "Sequence[Verdict]") -> None:
        super().__init__("\n\n".join(map(str, verdicts)))
        self.verdicts = tuple(verdicts)

    @property
    def clauses(self) -> tuple[str, ...]:
        """Names of the clauses that are broken."""
        return tuple(verdict.clause.name for verdict in self.verdicts)


@runtime_checkable  # so that checkers of types at run time can ask
class Subject(Protocol):
    """A plugin under trial."""

    @property
    def title(self) -> str:
        """What it is and what it is called, such as "explainer 'grad-cam'"."""

    def load(self) -> None:
        """Import it; raises whatever that raises."""

    def trials(self) -> Iterable[tuple[str, Any]]:
        """What clauses are tried on, each with its name, such as the network."""


@dataclass(frozen=True)
class Clause:
    """One thing that a plugin must keep.

    Args:
        name: in kebab-case.
        why: why it matters, as a sentence.
        check: raises Broken, or NotAsked where it does not apply.
        once: asked of the first trial alone.
        essential: where it is broken, those after it are not asked: they would be broken by the same.
        whole: asked of the plugin itself, before any trial of it.
    """

    name: str
    why: str
    check: Callable[[Any], None]
    once: bool = False
    essential: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of one clause.

    Args:
        title: of the plugin.
        clause: which.
        status: KEPT, BROKEN or NOT_ASKED.
        expected, found: of a broken one.
        reason: of one that was not asked.
    """

    title: str
    clause: Clause
    status: str = KEPT
    expected: str = ""
    found: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.status != BROKEN:
            return f"{self.title}, clause {self.clause.name!r}: {self.status} {self.reason}".rstrip()
        return (
            f"{self.title} breaks the clause {self.clause.name!r}\n"
            f"  expected: {self.expected}\n"
            f"  found:    {self.found}\n"
            f"  why:      {self.clause.why}"
        )


class Contract(list[Clause]):
    """Clauses in order; `clause` enters a function as one."""

    def clause(
        self,
        name: str,
        why: str,
        *,
        once: bool = False,
        essential: bool = False,
        whole: bool = False,
    ) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
        """Enter the function below as a clause."""

        def enter(check: Callable[[Any], None]) -> Callable[[Any], None]:
            self.append(Clause(name, why, check, once, essential, whole))
            return check

        return enter


def loads(subject: Subject) -> None:
    """The module named in the spec can be imported, and has the function."""
    try:
        subject.load()
    except NotAsked:
        raise
    except Exception as error:  # a plugin's
        raise Broken("it is imported, and called as its spec says", described_error(error)) from error


IS_LOADED = Clause(
    LOADS, "what cannot be imported can be used by nobody.", loads, essential=True, whole=True
)


def judge(subject: Subject, clause: Clause) -> Verdict:
    """Try one clause on a plugin; whatever the plugin raises breaks the clause."""
    try:
        if clause.whole:
            clause.check(subject)
            return Verdict(subject.title, clause)
        reasons = []
        for number, (where, trial) in enumerate(subject.trials()):
            if clause.once and number:
                break
            try:
                clause.check(trial)
            except NotAsked as reason:
                reasons.append(str(reason))
            except Broken as broken:
                raise Broken(broken.expected, broken.actual + at(where)) from broken
            except Exception as error:  # a plugin's
                raise Broken("no exception", described_error(error) + at(where)) from error
            else:
                reasons.append("")
        if all(reasons):
            return Verdict(subject.title, clause, NOT_ASKED, reason="; ".join(dict.fromkeys(reasons)))
    except NotAsked as reason:
        return Verdict(subject.title, clause, NOT_ASKED, reason=str(reason))
    except Broken as broken:
        return Verdict(subject.title, clause, BROKEN, broken.expected, broken.actual)
    return Verdict(subject.title, clause)


def at(where: str) -> str:
    """Where a clause was tried, after what was found there."""
    return f" ({where})" if where else ""


def described_error(error: Exception) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {error}".strip().removesuffix(":")


def verdicts(subject: Subject, contract: Sequence[Clause], only: Collection[str]) -> Iterator[Verdict]:
    """What comes of each clause, up to an essential one that is broken."""
    unknown = set(only) - {clause.name for clause in contract}
    if unknown:
        raise UnknownName(
            f"no clause called {sorted(unknown)[0]!r}; there are "
            f"{', '.join(clause.name for clause in contract)}"
        )
    for clause in contract:
        if not only or clause.name in only or clause.essential:
            verdict = judge(subject, clause)
            yield verdict
            if clause.essential and verdict.status != KEPT:
                return


def check(
    subject: Subject, contract: Sequence[Clause], only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Try the clauses of a contract on a plugin.

    Args:
        subject: the plugin.
        contract: its clauses.
        only: the names of those to try; all where not given.

    Returns:
        What came of each clause, kept or not asked.

    Raises:
        ContractBroken: at least one is broken; the message tells of each what was expected, what came,
            and why it matters.
        UnknownName: there is no such clause.
    """
    every_verdict = tuple(verdicts(subject, contract, only))
    broken = [verdict for verdict in every_verdict if verdict.status == BROKEN]
    if broken:
        raise ContractBroken(broken)
    return every_verdict


def known_words(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Words in a spec must be among those that mean something; raises Broken."""
    for word in given:
        if word not in known:
            raise Broken(f"{what} out of {', '.join(map(repr, known))}", f"{word!r}")
