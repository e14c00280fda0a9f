"""The contract of architectures: networks to be trained."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from xaibench.api.specs import Architecture
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.comparisons import apart, close
from xaibench.testing.common.contract import IS_LOADED, Broken, Contract, Verdict, check

OF_ARCHITECTURES = Contract()
SHAPES = ((4, 32), (7, 64))  # classes and side of the images
COUNT = 3


@dataclass(frozen=True)
class ArchitectureTrial:
    """An architecture for some classes and a size."""

    spec: Architecture
    classes: int
    side: int

    def drawn(self, seed: int = 0) -> Any:
        """The network that torch's generator at `seed` gives; the generator is as before."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.spec.load()(self.classes, self.side)

    @cached_property
    def images(self) -> Tensor:
        """(3, 3, side, side) of normal noise."""
        return torch.randn(COUNT, 3, self.side, self.side, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class ArchitectureSubject:
    """An architecture under trial."""

    spec: Architecture

    @property
    def title(self) -> str:
        """For people."""
        return f"architecture {self.spec.name!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    def trials(self) -> Iterator[tuple[str, ArchitectureTrial]]:
        """One a number of classes and a size."""
        for classes, side in SHAPES:
            yield f"{classes} classes, {side} pixels", ArchitectureTrial(self.spec, classes, side)


def check_architecture(
    architecture: Architecture | str, *, only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Try the whole contract on an architecture.

    Args:
        architecture: a spec; or the name of an installed one, of a family also "family:member".
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such architecture, or no such clause.
    """
    spec = installed().architecture(architecture) if isinstance(architecture, str) else architecture
    return check(ArchitectureSubject(spec), CONTRACT, only)


@OF_ARCHITECTURES.clause("logits", "training reads one row of logits an image.", essential=True)
def logits(trial: ArchitectureTrial) -> None:
    """(B, 3, side, side) to (B, classes)."""
    network = trial.drawn()
    if not isinstance(network, nn.Module):
        raise Broken("a torch.nn.Module", type(network).__name__)
    with torch.no_grad():
        class_scores: Any = network.eval()(trial.images)
    expected = (COUNT, trial.classes)
    if not isinstance(class_scores, Tensor) or tuple(class_scores.shape) != expected:
        raise Broken(
            str(expected), str(tuple(getattr(class_scores, "shape", ()))) or type(class_scores).__name__
        )
    if not class_scores.isfinite().all():
        raise Broken("finite logits", "NaN or infinity")


@OF_ARCHITECTURES.clause("drawn-by-torch", "a training's seed must decide its weights, and all of them.")
def drawn_by_torch(trial: ArchitectureTrial) -> None:
    """The same seed of torch's generator draws the same weights, another one others."""
    first, again, other = (trial.drawn(seed).state_dict() for seed in (1, 1, 2))
    for name, tensor in first.items():
        if not torch.equal(tensor, again[name]):
            raise Broken("the same weights from the same seed", f"{name} differs")
    if all(torch.equal(tensor, other[name]) for name, tensor in first.items()):
        raise Broken("other weights from another seed", "the same weights")


@OF_ARCHITECTURES.clause("learns", "a weight that no gradient reaches is never trained.")
def learns(trial: ArchitectureTrial) -> None:
    """In training mode, the loss has a gradient for every parameter."""
    network = trial.drawn().train()
    labels = torch.arange(COUNT) % trial.classes
    nn.functional.cross_entropy(network(trial.images), labels).backward()
    for name, weight in network.named_parameters():
        if weight.requires_grad and weight.grad is None:
            raise Broken("a gradient for every parameter", f"none for {name}")


@OF_ARCHITECTURES.clause("batch-equals-loop", "once trained, a score must not depend on its batch.")
def batch_equals_loop(trial: ArchitectureTrial) -> None:
    """In evaluation, each image alone has the logits it has among others."""
    network = trial.drawn().eval()
    with torch.no_grad():
        together = network(trial.images)
        for row in range(COUNT):
            alone = network(trial.images[[row]])
            if not close(alone, together[[row]]):
                raise Broken("the same logits alone and among others", apart(alone, together[[row]]))


CONTRACT = (IS_LOADED, *OF_ARCHITECTURES)
