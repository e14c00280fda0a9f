"""Contracts that a plugin must keep, as plain functions; `pytest --xaibench-plugin NAME` runs them too.

    from xaibench.testing import check_explainer

    def test_it_keeps_the_contract():
        check_explainer("mine")

Importing it opens no torch; the first of these calls does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaibench.testing.architectures.architecture_contract import check_architecture
    from xaibench.testing.commands.command_contract import check_command
    from xaibench.testing.common.contract import Clause, ContractBroken, Verdict
    from xaibench.testing.datasets.dataset_contract import check_dataset
    from xaibench.testing.executors.executor_contract import check_executor
    from xaibench.testing.explainers.explainer_contract import check_explainer
    from xaibench.testing.metrics.metric_contract import check_metric
    from xaibench.testing.models.model_contract import check_model
    from xaibench.testing.modifiers.modifier_contract import check_modifier
    from xaibench.testing.plugins.plugin_contract import Given, check_plugin
    from xaibench.testing.report_sections.report_section_contract import check_report_section

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

_MODULES = {
    "Clause": "common.contract",
    "ContractBroken": "common.contract",
    "Given": "plugins.plugin_contract",
    "Verdict": "common.contract",
    "check_architecture": "architectures.architecture_contract",
    "check_command": "commands.command_contract",
    "check_dataset": "datasets.dataset_contract",
    "check_executor": "executors.executor_contract",
    "check_explainer": "explainers.explainer_contract",
    "check_metric": "metrics.metric_contract",
    "check_model": "models.model_contract",
    "check_modifier": "modifiers.modifier_contract",
    "check_plugin": "plugins.plugin_contract",
    "check_report_section": "report_sections.report_section_contract",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'xaibench.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"xaibench.testing.{_MODULES[name]}"), name)
