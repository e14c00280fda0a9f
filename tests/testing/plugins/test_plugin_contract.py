"""Every kind of plugin has a contract, and an unknown kind is refused."""

import pytest

from xaibench import testing
from xaibench.api import Executor, Metric, PluginError
from xaibench.engine.discovery.registry import KINDS
from xaibench.testing.plugins.plugin_contract import Given, tried


@pytest.mark.parametrize(("kinds", "spec"), KINDS.items())
def test_every_kind_of_plugin_has_a_contract_of_its_own(kinds, spec):
    facts = {"higher_is_better": True, "range": (0.0, 1.0), "convention": {"score": "a toy"}}
    one = spec(name="one", at="zoo:one", **(facts if spec is Metric else {}))
    kind = kinds.removesuffix("s")
    (trial,) = tried(kind, one, Given())
    assert type(trial.subject).__name__ == f"{spec.__name__}Subject"
    assert trial.contract[0].name == "loads"
    assert hasattr(testing, f"check_{kind}")


def test_a_kind_without_a_contract_is_not_taken_for_another():
    with pytest.raises(PluginError, match="there is no contract of oracles, which 'one' is one of"):
        tried("oracle", Executor(name="one", at="zoo:one"), Given())
