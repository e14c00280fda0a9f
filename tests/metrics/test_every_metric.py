"""Every installed metric keeps the contract, and what is particular to ours."""

from dataclasses import replace
from functools import cache

import driving
import pytest
import torch

from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import BROKEN, judge
from xaibench.testing.metrics.metric_contract import CONTRACT, MetricSubject

METRICS = installed(strict=True).metrics
CHEAPER = {  # of the same function
    "steps": 6,
    "samples": 3,
    "stages": 2,
}
# Presets are a function with other settings: one of each function is tried with every commit.
ONE_OF_EACH = list({spec.at: name for name, spec in reversed(METRICS.items())}.values())
SLOW = ("lerf", "road", "pytorch-grad-cam-road")  # the solver of `morf`, again
GRIDS = [spec for spec in METRICS.values() if "grid" in spec.settings]


@cache
def subject(name: str, cheap: bool) -> MetricSubject:
    spec = METRICS[name]
    cheaper = {key: value for key, value in CHEAPER.items() if cheap and key in spec.settings}
    return MetricSubject(replace(spec, settings={**spec.settings, **cheaper}))


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", [name for name in ONE_OF_EACH if name not in SLOW])
def test_a_metric_keeps_its_contract(name, clause):
    verdict = judge(subject(name, cheap=True), clause)
    assert verdict.status != BROKEN, verdict


@pytest.mark.slow
@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", METRICS)
def test_every_preset_keeps_its_contract(name, clause):
    verdict = judge(subject(name, cheap=False), clause)
    assert verdict.status != BROKEN, verdict


@pytest.mark.parametrize("metric", GRIDS, ids=lambda metric: metric.name)
def test_a_line_through_a_map_changes_nothing_where_cells_are_ranked(metric):
    """Means of cells keep their order under lines alone, so these are not `order-only`."""
    batch = driving.make_batch(10, 9)
    maps = driving.make_maps(batch)
    maps[0, :5] = 0.25  # a plateau, as ReLU leaves
    first, second = (
        driving.run(metric.load(), m, batch, width=64).scores for m in (maps, 3 * maps + 0.5)
    )
    torch.testing.assert_close(first, second)


def test_those_that_only_rank_say_so():
    said = {name for name, spec in METRICS.items() if "order-only" in spec.traits}
    assert {"insertion", "road", "deletion-normalised", "quantus-pixel-flipping"} <= said
    assert not said & {spec.name for spec in GRIDS}
