"""What a plugin's list imports. Does not import torch: listing plugins is instant."""

from xaibench.api.errors import (
    ConfigError,
    DataError,
    PluginError,
    Undefined,
    UnknownName,
    Unsupported,
    XaibenchError,
)
from xaibench.api.hooks import API_VERSION, hookimpl
from xaibench.api.reporting import ReportSection
from xaibench.api.specs import (
    Architecture,
    Command,
    Dataset,
    Executor,
    Explainer,
    Metric,
    Model,
    Modifier,
)

__all__ = [
    "API_VERSION",
    "Architecture",
    "Command",
    "ConfigError",
    "DataError",
    "Dataset",
    "Executor",
    "Explainer",
    "Metric",
    "Model",
    "Modifier",
    "PluginError",
    "ReportSection",
    "Undefined",
    "UnknownName",
    "Unsupported",
    "XaibenchError",
    "hookimpl",
]
