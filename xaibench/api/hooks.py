"""The contract between xaibench and its plugins: nine hooks, each returning a list.

A package that offers plugins has an entry point in the group `xaibench` naming a module with one or
more of these hooks, each marked with `hookimpl`.
"""

from collections.abc import Sequence

import pluggy

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

API_VERSION = 1
"""Raised when a plugin made for the version before would no longer work. A plugin module may state
the version it was made for as `XAIBENCH_API = 1`; one that states a newer one is refused by name."""

hookspec = pluggy.HookspecMarker("xaibench")
hookimpl = pluggy.HookimplMarker("xaibench")


@hookspec
def xaibench_models() -> Sequence[Model]:
    """Offer classifiers to explain: functions of no arguments that return a `Classifier`."""
    return ()


@hookspec
def xaibench_architectures() -> Sequence[Architecture]:
    """Offer networks to train: functions from a number of classes and a size to an untrained network."""
    return ()


@hookspec
def xaibench_explainers() -> Sequence[Explainer]:
    """Offer ways to explain them: functions from a `Capture` to maps, (B, h, w) at any resolution.

    Larger is more important. The engine upsamples and rescales, the same way for all. A method that
    needs forwards of its own asks for them with `scores = yield Variants(build, count)`.
    """
    return ()


@hookspec
def xaibench_modifiers() -> Sequence[Modifier]:
    """Offer ways to change any explainer: functions from an explainer's function to another.

    "NAME+modifier" is then an explainer, whichever package NAME comes from.
    """
    return ()


@hookspec
def xaibench_metrics() -> Sequence[Metric]:
    """Offer ways to score an explanation: functions from `(maps, batch)` to scores, (B,)."""
    return ()


@hookspec
def xaibench_datasets() -> Sequence[Dataset]:
    """Offer images to explain them on: functions from a folder to a sequence of `Example`."""
    return ()


@hookspec
def xaibench_executors() -> Sequence[Executor]:
    """Offer places to compute: functions from an address and a device to what has tasks done there.

    `xaibench.api.executing` says what passes between such a place and the engine. Whatever the place,
    the rows are the same.
    """
    return ()


@hookspec
def xaibench_commands() -> Sequence[Command]:
    """Offer commands of the command line: functions annotated for typer, `xaibench GROUP NAME`.

    A command stands above the engine, as xaibench's own do: its module may import `xaibench.engine`,
    `xaibench.report` and `xaibench.cli`, which keep no promise between releases. Our plugins call such
    modules `*_commands.py`; everything else of a plugin needs `xaibench.api` alone.
    """
    return ()


@hookspec
def xaibench_report_sections() -> Sequence[ReportSection]:
    """Offer sections of the report: functions from a results folder to a `reporting.SectionContent`."""
    return ()
