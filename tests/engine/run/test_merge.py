"""Parts of a run, put together, are the run."""

import json

import pandas as pd
import pytest
import toys
from toy_runs import comparable, toy_run

from xaibench.api import ConfigError, DataError
from xaibench.engine.plan.part import Part
from xaibench.engine.run.merge import merge
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.results.validation import validate


def of_part(path, number, count, **settings):
    registry = toys.registry("activation", "gradient")
    settings = {"width": 5, "gallery": 2, "images_per_shard": 1, **settings}
    config = settle(
        None,
        ("toy",),
        ("generated",),
        explainers=("activation", "gradient"),
        metrics=("deletion-28", "pointing-game"),
        **settings,
    )
    return run(config, path, registry=registry, part=Part(number, count))


def test_parts_together_are_the_whole_run(tmp_path):
    expected = of_part(tmp_path / "whole", 0, 1)
    parts = [of_part(tmp_path / str(i), i, 4).path for i in range(4)]
    found = merge(parts, tmp_path / "merged")
    pd.testing.assert_frame_equal(comparable(found.rows), comparable(expected.rows))
    assert validate(found.path).wrong == []
    assert found.manifest["forwards"] == expected.manifest["forwards"]
    assert found.manifest["backwards"] == expected.manifest["backwards"]
    assert [one["part"] for one in found.manifest["merged"]] == ["1/4", "2/4", "3/4", "4/4"]
    kept = {path.name for path in (found.path / "maps").glob("*.safetensors")}
    assert kept == {path.name for path in (expected.path / "maps").glob("*.safetensors")}


def test_a_part_does_its_images_alone(tmp_path):
    images = [set(of_part(tmp_path / str(i), i, 4).scores["image"]) for i in range(4)]
    assert set.union(*images) == {f"image-{i}" for i in range(6)}
    assert sum(map(len, images)) == 6


def test_a_missing_or_doubled_part_is_refused_by_number(tmp_path):
    parts = [of_part(tmp_path / str(i), i, 3).path for i in range(3)]
    with pytest.raises(ConfigError, match="missing: 2/3"):
        merge([parts[0], parts[2]], tmp_path / "merged")
    with pytest.raises(ConfigError, match="too often: 1/3"):
        merge([*parts, parts[0]], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_runs_of_other_settings_are_refused(tmp_path):
    first = of_part(tmp_path / "a", 0, 2).path
    second = of_part(tmp_path / "b", 1, 2, seed=4).path
    with pytest.raises(ConfigError, match=r"has seed 4, and .* 0: not one run"):
        merge([first, second], tmp_path / "merged")


def test_model_by_model_is_put_together_too(tmp_path):
    one = toy_run(tmp_path / "a", "activation", data="generated")
    two = toy_run(tmp_path / "b", "activation", data="ill_masked")
    found = merge([one.path, two.path], tmp_path / "merged")
    assert set(found.scores["dataset"]) == {"generated", "ill_masked"}
    assert validate(found.path).wrong == []


def test_an_unfinished_part_is_refused(tmp_path):
    parts = [of_part(tmp_path / str(i), i, 2).path for i in range(2)]
    (parts[1] / "manifest.json").unlink()
    with pytest.raises(DataError, match="is not finished"):
        merge(parts, tmp_path / "merged")


@pytest.mark.parametrize("field", ["config", "seconds", "models", "started"])
def test_a_manifest_that_lacks_what_is_put_together_is_refused(tmp_path, field):
    parts = [of_part(tmp_path / str(i), i, 2).path for i in range(2)]
    manifest = parts[1] / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts[field]
    manifest.write_text(json.dumps(facts))
    with pytest.raises(DataError, match=rf"1/manifest.json lacks {field}; run the same command again"):
        merge(parts, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
