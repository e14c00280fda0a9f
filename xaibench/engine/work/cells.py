"""Which metrics of which explainers are asked for: of a whole run, or those that some images lack."""

from dataclasses import dataclass
from functools import cached_property

from xaibench.api.specs import Explainer, Metric

Pair = tuple[str, str]  # names of an explainer and a metric


@dataclass(frozen=True)
class RequestedCells:
    """Some pairs of `explainers` and `metrics`.

    Args:
        pairs: which.
        shared: whether rows of the shared pass are wanted.
    """

    explainers: tuple[Explainer, ...]
    metrics: tuple[Metric, ...]
    pairs: frozenset[Pair]
    shared: bool = True

    @classmethod
    def every(cls, explainers: tuple[Explainer, ...], metrics: tuple[Metric, ...]) -> "RequestedCells":
        """All metrics of all explainers."""
        pairs = frozenset(
            (explainer.name, metric.name) for explainer in explainers for metric in metrics
        )
        return cls(explainers, metrics, pairs)

    def only(self, pairs: frozenset[Pair], shared: bool) -> "RequestedCells":
        """Some of these pairs, and no explainer or metric that is in none of them."""
        explainers = {name for name, _ in pairs}
        metrics = {name for _, name in pairs}
        return RequestedCells(
            tuple(spec for spec in self.explainers if spec.name in explainers),
            tuple(spec for spec in self.metrics if spec.name in metrics),
            pairs,
            shared,
        )

    @cached_property
    def policies(self) -> frozenset[str]:
        """Why some metric asks about a class."""
        return frozenset(metric.target for metric in self.metrics)
