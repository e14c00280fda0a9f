from dataclasses import replace

import pytest

from xaibench.api import PluginError
from xaibench.engine.discovery.registry import installed


@pytest.mark.parametrize("metric", installed().metrics.values(), ids=lambda metric: metric.name)
def test_a_metric_says_what_its_number_means(metric):
    assert metric.version >= 1
    low, high = metric.range
    assert low < high
    assert metric.convention
    assert all(isinstance(text, str) and text for text in metric.convention.values())
    assert metric.citation
    assert metric.target in ("predicted", "label")


def test_presets_are_the_same_function_with_other_settings():
    fine, coarse = (installed().metric(name) for name in ("deletion", "deletion-28"))
    assert fine.at == coarse.at
    assert (fine.settings["steps"], coarse.settings["steps"]) == (224, 28)


def test_a_later_version_says_what_it_supersedes():
    first = installed().metric("deletion")
    with pytest.raises(PluginError, match="'deletion' is version 2 and does not say what it supersedes"):
        replace(first, version=2)
    assert replace(first, version=2, supersedes="ties went in raster order").version == 2
