"""The contract of explainers fails what is broken, each for its own reason, and nothing else."""

import pytest
from zoo_explainers import BROKEN, HEALTHY, MODIFIERS, explainer, modifier

from xaibench.api import UnknownName
from xaibench.testing import ContractBroken, check_explainer, check_modifier
from xaibench.testing.networks import pooled


@pytest.mark.parametrize(("name", "facts"), HEALTHY.items(), ids=HEALTHY)
def test_a_healthy_one_keeps_every_clause(name, facts):
    verdicts = check_explainer(explainer(name, facts))
    kept = {verdict.clause.name for verdict in verdicts if verdict.status == "kept"}
    not_asked = {verdict.clause.name for verdict in verdicts} - kept
    assert not_asked <= {"pass-width"}  # of those that ask for no forwards
    assert ("pass-width" in kept) == (name == "healthy_asking")


@pytest.mark.parametrize(("name", "broken"), BROKEN.items(), ids=BROKEN)
def test_a_broken_one_fails_for_its_own_reason(name, broken):
    with pytest.raises(ContractBroken, match=broken.says) as raised:
        check_explainer(explainer(name, broken.facts))
    assert raised.value.clauses == broken.clauses
    first = raised.value.verdicts[0]
    assert str(first).startswith(f"explainer {name!r} breaks the clause {broken.clauses[0]!r}\n")
    assert first.expected
    assert first.found
    assert first.clause.why.endswith(".")


def test_a_healthy_modifier_keeps_every_clause():
    found = check_modifier(modifier("doubled"), networks=[pooled])
    assert {verdict.status for verdict in found} == {"kept"}


@pytest.mark.parametrize(("name", "broken"), MODIFIERS.items(), ids=MODIFIERS)
def test_a_broken_modifier_fails_for_its_own_reason(name, broken):
    with pytest.raises(ContractBroken, match=broken.says) as raised:
        check_modifier(modifier(name), networks=[pooled])
    assert raised.value.clauses == broken.clauses


def test_some_clauses_alone_can_be_tried():
    found = check_explainer(explainer("leaks", {}), only=["finite"])
    assert "memory" not in {verdict.clause.name for verdict in found}
    with pytest.raises(UnknownName, match="no clause called 'finte'; there are loads, "):
        check_explainer("grad-cam", only=["finte"])
