"""The contract of modifiers: what they make of an explainer keeps the contract of explainers."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from xaibench.api.capture import Capture
from xaibench.api.specs import Explainer, Modifier, modified
from xaibench.api.types import GridMaps, Images, Indices
from xaibench.api.variants import Asks, Variants
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import IS_LOADED, Broken, Verdict, check
from xaibench.testing.common.tiny_networks import NETWORKS, MakeClassifier
from xaibench.testing.explainers.explainer_contract import ExplainerSubject
from xaibench.testing.explainers.explainer_trial import ExplainerTrial
from xaibench.testing.explainers.map_clauses import MAPS
from xaibench.testing.explainers.trace_clauses import TRACES

CONTRACT = (IS_LOADED, *MAPS, *TRACES)


def at_once(capture: Capture) -> GridMaps:
    """An explainer that returns its maps: activations times gradients."""
    return (capture.activations * capture.gradients).sum(1).relu()


def asking(capture: Capture) -> Asks[GridMaps]:
    """An explainer that asks for forwards: the same, by the probability of darker and darker images."""
    images = capture.batch.images

    def darker(row: int, k: Indices) -> Images:
        share: Tensor = (k + 1).to(images) / 4
        return images[row] * share[:, None, None, None]

    scores = yield Variants(darker, 3)
    return at_once(capture) * scores.mean(1)[:, None, None]


UNDER = (
    Explainer(name="at-once", at="xaibench.testing.modifiers.modifier_contract:at_once"),
    Explainer(name="asking", at="xaibench.testing.modifiers.modifier_contract:asking"),
)


@dataclass(frozen=True)
class ModifierSubject:
    """A modifier under trial, with an explainer under it that returns, and one that asks.

    Args:
        spec: the modifier.
        networks: functions that make them.
    """

    spec: Modifier
    networks: Sequence[MakeClassifier] = NETWORKS

    @property
    def title(self) -> str:
        """For people."""
        return f"modifier {self.spec.name!r}"

    def load(self) -> None:
        """Import it, and put an explainer under it."""
        for explainer in UNDER:
            function = modified(explainer, self.spec).load()
            if not callable(function):
                raise Broken(
                    "a function from an explainer's function to another", f"{type(function).__name__}"
                )

    def trials(self) -> Iterator[tuple[str, ExplainerTrial]]:
        """One an explainer under it and network."""
        for explainer in UNDER:
            spec = replace(modified(explainer, self.spec), traits=self.spec.traits)
            for where, trial in ExplainerSubject(spec, self.networks).trials():
                yield f"over {explainer.name!r} {where}", trial


def check_modifier(
    modifier: Modifier | str,
    *,
    networks: Sequence[MakeClassifier] = NETWORKS,
    only: Collection[str] = (),
) -> tuple[Verdict, ...]:
    """Try the explainers' contract on what a modifier makes of two explainers.

    Args:
        modifier: a spec, or the name of an installed one.
        networks: functions that make a float64 Classifier of four classes for images of 32 x 24.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such modifier, or no such clause.
    """
    spec = installed().modifier(modifier) if isinstance(modifier, str) else modifier
    return check(ModifierSubject(spec, tuple(networks)), CONTRACT, only)
