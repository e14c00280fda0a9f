"""Contracts that a plugin must keep, as plain functions; `pytest --xaibench-plugin NAME` runs them too.

    from xaibench.testing import check_explainer

    def test_it_keeps_the_contract():
        check_explainer("mine")

Importing it opens no torch; the first of these calls does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaibench.testing.architectures import check_architecture
    from xaibench.testing.clauses import Clause, ContractBroken, Verdict
    from xaibench.testing.commands import check_command
    from xaibench.testing.datasets import check_dataset
    from xaibench.testing.executors import check_executor
    from xaibench.testing.explainers import check_explainer
    from xaibench.testing.metrics import check_metric
    from xaibench.testing.models import check_model
    from xaibench.testing.modifiers import check_modifier
    from xaibench.testing.plugins import Given, check_plugin
    from xaibench.testing.report_sections import check_report_section

__all__ = [
    "Clause",
    "ContractBroken",
    "Given",
    "Verdict",
    "check_architecture",
    "check_command",
    "check_dataset",
    "check_executor",
    "check_explainer",
    "check_metric",
    "check_model",
    "check_modifier",
    "check_plugin",
    "check_report_section",
]

_HOMES = {
    "Clause": "clauses",
    "ContractBroken": "clauses",
    "Given": "plugins",
    "Verdict": "clauses",
    "check_architecture": "architectures",
    "check_command": "commands",
    "check_dataset": "datasets",
    "check_executor": "executors",
    "check_explainer": "explainers",
    "check_metric": "metrics",
    "check_model": "models",
    "check_modifier": "modifiers",
    "check_plugin": "plugins",
    "check_report_section": "report_sections",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xaibench.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"xaibench.testing.{_HOMES[name]}"), name)
