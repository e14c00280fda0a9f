"""What can go wrong, as a tree.

XaibenchError      shown to the user as one line, without a traceback
├── UnknownName    the user asked for a plugin that no package provides
├── PluginError    a plugin broke its contract; the message names the plugin
├── ConfigError    the run's settings contradict each other, or cannot be read or carried out
├── DataError      an image, annotation or result file cannot be used; the message names the file
├── Unsupported    this explainer does not apply to this model: a row with the reason
└── Undefined      this metric has no value here: a row with the reason
"""


class XaibenchError(Exception):
    """Base of everything that xaibench raises on purpose."""


class UnknownName(XaibenchError):  # noqa: N818 (reads as the sentence it is)
    """The user asked for a plugin that no package provides."""


class PluginError(XaibenchError):
    """A plugin broke its contract, or could not be loaded."""


class ConfigError(XaibenchError):
    """The settings of a run cannot be read, contradict each other, or cannot be carried out."""


class DataError(XaibenchError):
    """An image, an annotation or a result file cannot be used."""


class Unsupported(XaibenchError):  # noqa: N818
    """An explainer does not apply to a model, for the reason given."""


class Undefined(XaibenchError):  # noqa: N818
    """A metric has no value here, for the reason given."""


class Stopped(XaibenchError):  # noqa: N818
    """The run was asked to stop, and has finished its shard."""


class TookTooLong(XaibenchError):  # noqa: N818
    """A method gave nothing back for too long, and was stopped."""
