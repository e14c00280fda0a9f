"""Which metrics a run has where it names none, or all."""

from dataclasses import replace

import toys

from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.plan import plan
from xaibench.engine.run.settings import settle


def names(registry, *metrics: str) -> list[str]:
    config = settle(None, ("toy",), ("generated",))
    explainers = tuple(registry.explainers)
    config = type(config)(grid=config.grid, explainers=explainers, metrics=metrics)
    return [metric.name for metric in plan(config, registry).metrics]


def everything():
    return replace(toys.registry(), metrics=installed().metrics)


def test_no_metrics_named_are_the_defaults():
    assert names(everything()) == ["insertion-28", "deletion-28", "pointing-game"]
    assert list(settle().metrics) == ["insertion-28", "deletion-28", "pointing-game"]


def test_all_metrics_are_all_that_are_installed():
    assert names(everything(), "all") == list(installed().metrics)


def test_named_ones_are_taken_once_in_their_order():
    assert names(everything(), "road", "morf", "road") == ["road", "morf"]


def test_where_none_of_the_defaults_is_installed_all_there_are():
    own = replace(toys.registry(), metrics={"road": installed().metric("road")})
    assert names(own) == ["road"]
