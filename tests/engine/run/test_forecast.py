from dataclasses import replace

import msgspec
import pytest
import toys

from xaibench.api import ConfigError, Dataset
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.plan.part import Part
from xaibench.engine.run.forecast import Forecast, forecast, together
from xaibench.engine.run.run import run


def registry(*explainers):
    found = toys.toy_metric_registry()
    more = toys.registry(*explainers)
    data = [Dataset(name=name, at=f"toys:{name}", classes="toys") for name in ("drawn", "nine")]
    datasets = found.datasets | {each.name: each for each in data}
    return replace(found, explainers=more.explainers, datasets=datasets)


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


def test_what_depends_on_the_image_is_foretold_of_images_from_first_to_last(tmp_path):
    plugins, settings = registry("as_it_likes"), config(data="nine", metrics=("deletion-28",))
    (found,) = forecast(settings, plugins)
    assert found.explainers["as_it_likes"] == 5  # they take 1 to 9; tried are 1, 5 and 9
    assert found.forwards["explainers"] == sum(range(1, 10))
    (of_few,) = forecast(msgspec.structs.replace(settings, limit=3), plugins)
    made = run(msgspec.structs.replace(settings, limit=3), tmp_path, registry=plugins)
    assert of_few.forwards == made.manifest["forwards"]  # all of them are tried


def test_an_image_that_cannot_be_read_foretells_nothing(tmp_path):
    plugins, folder = registry("as_it_likes"), tmp_path / "data"
    folder.mkdir()
    for i in range(9):
        toys.picture(i).save(folder / f"image-{i}.png")
    settings = config(data=f"folder:{folder}", metrics=("deletion-28",))
    (folder / "image-0.png").write_bytes(b"none")
    (found,) = forecast(settings, plugins)
    assert not found.problem
    assert found.forwards["shared pass"] == 9
    for name in ("image-4", "image-8"):
        (folder / f"{name}.png").write_bytes(b"none")
    (found,) = forecast(settings, plugins)
    assert "image 'image-0' cannot be read" in found.problem


def test_the_keys_foretold_are_the_cells_of_the_rows(tmp_path):
    plugins = registry("gradient", "asking")
    (found,) = forecast(config(), plugins)
    rows = run(config(), tmp_path, registry=plugins).rows
    made = {(row.explainer, row.metric): row.cell for row in rows.itertuples()}
    assert {(name, metric): key for name, of in found.keys.items() for metric, key in of.items()} == made
    (again,) = forecast(config(), plugins, output=tmp_path)  # nothing is left to do
    assert again.keys == found.keys


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


def test_what_the_folder_has_is_not_foretold_again(tmp_path):
    plugins = registry("gradient", "asking")
    run(config(metrics=("deletion-28",)), tmp_path, registry=plugins)
    (done,) = forecast(config(metrics=("deletion-28",)), plugins, output=tmp_path)
    assert (done.images, done.present, done.forwards) == (3, 3, {})
    (more,) = forecast(config(), plugins, output=tmp_path)
    assert (more.present, set(more.metrics)) == (0, {"other-class"})
    assert more.forwards == run(config(), tmp_path, registry=plugins).manifest["forwards"]


def test_settings_that_may_not_go_on_in_the_folder_are_refused(tmp_path):
    plugins = registry("gradient")
    run(config(), tmp_path, registry=plugins)
    with pytest.raises(ConfigError, match="seed was 0, and is 1"):
        forecast(msgspec.structs.replace(config(), seed=1), plugins, output=tmp_path)


def test_a_part_is_foretold_by_itself(tmp_path):
    plugins = registry("gradient")
    settings = msgspec.structs.replace(config(), images_per_shard=2)
    first, second = (forecast(settings, plugins, part=Part(i, 2))[0] for i in range(2))
    (whole,) = forecast(settings, plugins)
    assert (first.images, second.images, whole.images) == (2, 1, 3)
    for stage, count in whole.forwards.items():
        assert first.forwards[stage] + second.forwards[stage] == count


def test_a_metric_whose_forwards_depend_on_the_scores_says_the_least_and_the_most():
    found = installed()
    plugins = replace(registry("gradient"), metrics=found.metrics)
    (foretold,) = forecast(config(metrics=("deletion-adaptive", "deletion-28")), plugins)
    assert list(foretold.at_most) == ["deletion-adaptive"]
    assert foretold.metrics["deletion-adaptive"] < foretold.at_most["deletion-adaptive"]


def test_images_that_lack_more_than_others_add_up_and_the_most_of_each_method_is_said():
    one = Forecast("", forwards={"metrics": 3}, explainers={"a": 4.0}, metrics={"x": 1.0}, seconds=2.0)
    other = Forecast(
        "",
        forwards={"explainers": 1, "metrics": 5},
        explainers={"a": 1.0},
        metrics={"x": 2.0, "y": 7.0},
        seconds=3.0,
    )
    found = together(Forecast("title", images=9), [one, other])
    assert found == Forecast(
        "title",
        images=9,
        forwards={"explainers": 1, "metrics": 8},
        explainers={"a": 4.0},
        metrics={"x": 2.0, "y": 7.0},
        seconds=5.0,
    )


def test_the_image_tried_is_asked_about_for_as_many_classes_as_images_are(monkeypatch):
    examples = toys.generated()
    twice_first = [*examples[1:3], examples[0], *examples[3:]]
    monkeypatch.setattr(toys, "generated", lambda root=None: twice_first)
    settings = config(data="generated", metrics=("deletion-28",))
    (found,) = forecast(settings, registry("asking"))
    assert found.explainers["asking"] == 4
