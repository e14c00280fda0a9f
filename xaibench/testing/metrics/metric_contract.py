"""The contract of metrics."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from xaibench.api.specs import Metric
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import IS_LOADED, Verdict, check
from xaibench.testing.metrics.metric_trial import MetricTrial
from xaibench.testing.metrics.score_clauses import SCORES

CONTRACT = (IS_LOADED, *SCORES)


@dataclass(frozen=True)
class MetricSubject:
    """A metric under trial."""

    spec: Metric

    @property
    def title(self) -> str:
        """For people."""
        return f"metric {self.spec.name!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    def trials(self) -> Iterator[tuple[str, MetricTrial]]:
        """One, which has several maps."""
        yield "", MetricTrial(self.spec)


def check_metric(metric: Metric | str, *, only: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Try the whole contract on a metric.

    Args:
        metric: a spec, or the name of an installed one.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such metric, or no such clause.
    """
    spec = installed().metric(metric) if isinstance(metric, str) else metric
    return check(MetricSubject(spec), CONTRACT, only)
