"""The contract of executors fails what is broken, each for its own reason, and nothing else."""

import pytest
from broken_plugins import fails, untyped
from zoo_executors import EXECUTORS, HEALTHY_EXECUTORS, executor

from xaibench.testing import check_executor


@pytest.mark.parametrize("name", ["here", *HEALTHY_EXECUTORS])
def test_a_healthy_executor_keeps_every_clause(name):
    spec = name if name == "here" else executor(name)
    assert {verdict.status for verdict in check_executor(spec)} == {"kept"}


@pytest.mark.parametrize(("name", "broken"), untyped(EXECUTORS))
def test_a_broken_executor_fails_for_its_own_reason(name, broken):
    fails(check_executor, executor(name), broken)
