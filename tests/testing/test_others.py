"""The contracts of all kinds but explainers fail what is broken, and no more."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from zoo_others import (
    ARCHITECTURES,
    DATASETS,
    EXECUTORS,
    HEALTHY_EXECUTORS,
    HEALTHY_METRICS,
    METRICS,
    MODELS,
    architecture,
    dataset,
    executor,
    metric,
    model,
)

from xaibench import testing
from xaibench.api import Metric, PluginError
from xaibench.engine.discovery.registry import KINDS
from xaibench.testing import (
    ContractBroken,
    check_architecture,
    check_dataset,
    check_executor,
    check_metric,
    check_model,
)
from xaibench.testing.plugins.plugin_contract import Given, tried


def test_healthy_ones_keep_every_clause():
    verdicts = [
        *(verdict for name in HEALTHY_METRICS for verdict in check_metric(metric(name, {}))),
        *check_model(model("healthy")),
        *check_dataset(dataset("pictures")),
        *check_architecture(architecture("plain")),
        *(verdict for name in HEALTHY_EXECUTORS for verdict in check_executor(executor(name))),
        *check_executor("here"),
    ]
    not_asked = {verdict.clause.name for verdict in verdicts if verdict.status != "kept"}
    assert not_asked == {"order-only", "pass-width"}  # where there is no such trait, or no forward


CHECKS = {
    "metric": (check_metric, lambda name: metric(name, METRICS[name].facts)),
    "model": (check_model, model),
    "dataset": (check_dataset, dataset),
    "architecture": (check_architecture, architecture),
    "executor": (check_executor, executor),
}
TYPED = [
    (kind, name)
    for kind, zoo in (("model", MODELS), ("dataset", DATASETS))
    for name, broken in zoo.items()
    if broken.typed
]
AS_USERS_DO = """
import json, sys
import zoo_others as zoo
import xaibench.testing as testing
found = {}
for kind, name in json.loads(sys.argv[1]):
    try:
        getattr(testing, f"check_{kind}")(getattr(zoo, kind)(name))
    except testing.ContractBroken as broken:
        found[name] = broken.clauses, str(broken)
print(json.dumps(found))
"""


def untyped(zoo):
    return [pytest.param(name, broken, id=name) for name, broken in zoo.items() if not broken.typed]


@pytest.fixture(scope="module")
def without_type_checks():
    """The clauses and messages of what our type checks would find before the contract does."""
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", AS_USERS_DO, json.dumps(TYPED)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fails(kind, name, broken):
    check, spec_of = CHECKS[kind]
    with pytest.raises(ContractBroken, match=broken.says) as raised:
        check(spec_of(name))
    assert raised.value.clauses == broken.clauses
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(("kind", "name"), TYPED)
def test_what_type_checks_find_too_fails_without_them(kind, name, without_type_checks):
    broken = {**MODELS, **DATASETS}[name]
    clauses, said = without_type_checks[name]
    assert tuple(clauses) == broken.clauses
    assert re.search(broken.says, said), said


@pytest.mark.parametrize(("name", "broken"), untyped(METRICS))
def test_a_broken_metric_fails_for_its_own_reason(name, broken):
    fails("metric", name, broken)


@pytest.mark.parametrize(("name", "broken"), untyped(MODELS))
def test_a_broken_model_fails_for_its_own_reason(name, broken):
    fails("model", name, broken)


@pytest.mark.parametrize(("name", "broken"), untyped(DATASETS))
def test_a_broken_data_set_fails_for_its_own_reason(name, broken):
    fails("dataset", name, broken)


@pytest.mark.parametrize(("name", "broken"), untyped(ARCHITECTURES))
def test_a_broken_architecture_fails_for_its_own_reason(name, broken):
    fails("architecture", name, broken)


@pytest.mark.parametrize(("name", "broken"), untyped(EXECUTORS))
def test_a_broken_executor_fails_for_its_own_reason(name, broken):
    fails("executor", name, broken)


@pytest.mark.parametrize(("kinds", "spec"), KINDS.items())
def test_every_kind_of_plugin_has_a_contract_of_its_own(kinds, spec):
    facts = {"higher_is_better": True, "range": (0.0, 1.0), "convention": {"score": "a toy"}}
    one = spec(name="one", at="zoo_others:one", **(facts if spec is Metric else {}))
    kind = kinds.removesuffix("s")
    (found,) = tried(kind, one, Given())
    assert type(found.subject).__name__ == f"{spec.__name__}Subject"
    assert found.contract[0].name == "loads"
    assert hasattr(testing, f"check_{kind}")


def test_a_kind_without_a_contract_is_not_taken_for_another():
    with pytest.raises(PluginError, match="there is no contract of oracles, which 'one' is one of"):
        tried("oracle", executor("one"), Given())
