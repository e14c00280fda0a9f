"""The contract of explainers."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from xaibench.api.specs import Explainer
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import IS_LOADED, Broken, Verdict, check
from xaibench.testing.common.tiny_networks import NETWORKS, MakeClassifier, a_batch
from xaibench.testing.explainers.explainer_trial import ExplainerTrial
from xaibench.testing.explainers.map_clauses import MAPS
from xaibench.testing.explainers.trace_clauses import TRACES

CONTRACT = (IS_LOADED, *MAPS, *TRACES)


@dataclass(frozen=True)
class ExplainerSubject:
    """An explainer under trial, on every network that it applies to.

    Args:
        spec: the explainer.
        networks: functions that make them.
    """

    spec: Explainer
    networks: Sequence[MakeClassifier] = NETWORKS

    @property
    def title(self) -> str:
        """For people."""
        return f"explainer {self.spec.name!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    @cached_property
    def _trials(self) -> list[tuple[str, ExplainerTrial]]:
        trials = [(make.__name__, ExplainerTrial(self.spec, make, a_batch())) for make in self.networks]
        reasons = {name: trial.applies() for name, trial in trials}
        applicable = [(f"on network {name!r}", trial) for name, trial in trials if not reasons[name]]
        if not applicable:
            listing = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise Broken(
                "a network that it applies to; give the contract one of your own, `networks=` "
                "(`--xaibench-network module:function`)",
                f"it is unsupported on all of them: {listing}",
            )
        return applicable

    def trials(self) -> Iterator[tuple[str, ExplainerTrial]]:
        """One a network that it applies to."""
        yield from self._trials


def check_explainer(
    explainer: Explainer | str,
    *,
    networks: Sequence[MakeClassifier] = NETWORKS,
    only: Collection[str] = (),
) -> tuple[Verdict, ...]:
    """Try the whole contract on an explainer.

    Args:
        explainer: a spec, or the name of an installed one.
        networks: functions that make a float64 Classifier of four classes for images of 32 x 24.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such explainer, or no such clause.
    """
    spec = installed().explainer(explainer) if isinstance(explainer, str) else explainer
    return check(ExplainerSubject(spec, tuple(networks)), CONTRACT, only)
