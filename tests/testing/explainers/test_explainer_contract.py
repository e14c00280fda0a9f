"""The contract of explainers fails what is broken, each for its own reason, and nothing else."""

import subprocess
import sys

import pytest
from zoo_explainers import BROKEN, HEALTHY, MODIFIERS, explainer, modifier

from xaibench.api import UnknownName
from xaibench.testing import ContractBroken, check_explainer, check_modifier, check_plugin
from xaibench.testing.common.tiny_networks import pooled


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


def as_a_third_party(code):
    """Run code where nothing is installed that only our own tests need, all warnings errors."""
    absent = ("beartype", "hypothesis", "captum", "pytorch_grad_cam", "torchcam", "ruff", "pytest")
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))\n"
    command = [sys.executable, "-W", "error", "-c", blocked + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_xaibench_alone_is_enough():
    as_a_third_party("from xaibench.testing import check_explainer\ncheck_explainer('grad-cam')")


def test_importing_it_opens_no_torch():
    as_a_third_party(
        "import xaibench.testing\nassert not {'torch', 'timm', 'pandas'} & set(sys.modules)"
    )


def test_all_that_a_plugin_offers_can_be_tried_at_once():
    found = check_plugin("xaibench_metrics", only=["facts", "supersedes"])
    assert {verdict.clause.name for verdict in found} >= {"facts", "supersedes"}
    assert {verdict.title for verdict in found} >= {"metric 'insertion'", "metric 'pointing-game'"}
    with pytest.raises(UnknownName, match="did you mean 'xaibench_metrics'"):
        check_plugin("xaibench_metric")
