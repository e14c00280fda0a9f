"""The contract of metrics fails what is broken, each for its own reason, and nothing else."""

import pytest
from broken_plugins import fails, untyped
from zoo_metrics import HEALTHY_METRICS, METRICS, metric

from xaibench.testing import check_metric


def test_a_healthy_metric_keeps_every_clause():
    verdicts = [verdict for name in HEALTHY_METRICS for verdict in check_metric(metric(name, {}))]
    not_asked = {verdict.clause.name for verdict in verdicts if verdict.status != "kept"}
    assert not_asked == {"order-only", "pass-width"}  # where there is no such trait, or no forward


@pytest.mark.parametrize(("name", "broken"), untyped(METRICS))
def test_a_broken_metric_fails_for_its_own_reason(name, broken):
    fails(check_metric, metric(name, METRICS[name].facts), broken)
