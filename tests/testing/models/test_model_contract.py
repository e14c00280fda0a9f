"""The contract of models fails what is broken, each for its own reason, and nothing else."""

import re

import pytest
from broken_plugins import fails, typed, untyped, without_type_checks
from zoo_models import MODELS, model

from xaibench.testing import check_model


def test_a_healthy_model_keeps_every_clause():
    assert {verdict.status for verdict in check_model(model("healthy"))} == {"kept"}


@pytest.mark.parametrize(("name", "broken"), untyped(MODELS))
def test_a_broken_model_fails_for_its_own_reason(name, broken):
    fails(check_model, model(name), broken)


@pytest.fixture(scope="module")
def verdicts():
    return without_type_checks("model", typed(MODELS))


@pytest.mark.parametrize("name", typed(MODELS))
def test_what_type_checks_find_too_fails_without_them(name, verdicts):
    clauses, message = verdicts[name]
    assert tuple(clauses) == MODELS[name].clauses
    assert re.search(MODELS[name].says, message), message
