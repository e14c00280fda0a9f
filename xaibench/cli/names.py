"""Names given on the command line: taken apart, and completed as they are typed."""

from collections.abc import Callable, Iterator, Sequence

from xaibench.api.specs import Model, Spec
from xaibench.engine.discovery.registry import KINDS, installed

Completer = Callable[[str], list[tuple[str, str]]]


def split(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were repeated, comma-separated, or both."""
    return tuple(name.strip() for part in given or () for name in part.split(",") if name.strip())


def completing(kind: str) -> Completer:
    """What a shell is told of the names of a kind: the last of some that commas separate is completed.

    Args:
        kind: "models", "explainers", "metrics", "datasets" or another that the registry has.
    """

    def complete(incomplete: str) -> list[tuple[str, str]]:
        before, comma, last = incomplete.rpartition(",")
        return [
            (f"{before}{comma}{name}", summary)
            for name, summary in offered(kind, last)
            if name.startswith(last)
        ]

    return complete


def completed_kinds(incomplete: str) -> list[str]:
    """The kinds of names that there are."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def offered(kind: str, typed: str) -> Iterator[tuple[str, str]]:
    """Every name of a kind with what it is; of an explainer that is typed whole, its modified ones."""
    registry = installed()
    specs: dict[str, Spec] = getattr(registry, kind)
    for spec in specs.values():
        yield written(spec), spec.summary
    explainer, plus, _ = typed.rpartition("+")
    if kind == "explainers" and plus and (explainer in specs or "+" in explainer):
        for modifier in registry.modifiers.values():
            yield f"{explainer}+{modifier.name}", modifier.summary


def written(spec: Spec) -> str:
    """A name as it begins on the command line: a family's with the colon that must follow."""
    return f"{spec.name}:" if isinstance(spec, Model) and spec.family else spec.name
