from dataclasses import replace

import toys

from xaibench.api import Dataset
from xaibench.engine.config import Config, Grid
from xaibench.engine.forecast import forecast
from xaibench.engine.run import run


def registry(*explainers):
    found = toys.toy_metric_registry()
    more = toys.registry(*explainers)
    drawn = Dataset(name="drawn", at="toys:drawn", classes="toys")
    return replace(found, explainers=more.explainers, datasets={**found.datasets, "drawn": drawn})


def config(*models, data="drawn", metrics=("deletion-28", "other-class")):
    grid = Grid(models=models or ("toy",), data=(data,))
    return Config(grid=(grid,), metrics=metrics, width=5, gallery=0)


def test_the_forwards_foretold_are_those_made(tmp_path):
    plugins = registry("gradient", "asking", "activation")
    (found,) = forecast(config(), plugins)
    made = run(config(), tmp_path, registry=plugins).manifest["forwards"]
    assert found.forwards == made
    assert made["explainers"] == 3 * 4
    assert found.images == 3
    assert found.cells == 4 * 2  # a control is always there


def test_each_method_says_what_it_asks_for():
    (found,) = forecast(config(), registry("gradient", "asking"))
    assert found.explainers == {"gradient": 0, "asking": 4, "control": 0}
    assert found.metrics == {
        "deletion-28": 26,
        "other-class": 5,
    }  # asked again: a pass and 4
    assert found.seconds > 0


def test_what_is_unsupported_is_named_with_its_reason():
    (found,) = forecast(config(), registry("gradient", "inapplicable"))
    assert found.unsupported == (("inapplicable", "", "it needs a network with wheels"),)


def test_a_block_that_cannot_be_worked_on_is_a_problem_and_the_others_are_foretold():
    broken, sound = forecast(config("none", "toy"), registry("gradient"))
    assert "the weights are on the other machine" in broken.problem
    assert (broken.images, broken.forwards) == (0, {})
    assert not sound.problem


def test_nothing_is_scored_or_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forecast(config(), registry("gradient"))
    assert list(tmp_path.iterdir()) == []
