"""A cell's key changes with whatever its rows depend on, and with nothing else."""

from dataclasses import replace

import pytest
import toys
from toy_runs import toy_run

from xaibench.engine.work.rows import Provenance
from xaibench.results import keys

MODEL = Provenance(
    *("run", "toy", "generated", "cpu", 0),
    weights_sha="a",
    preprocess_sha="b",
    layer="features.3",
    layout="grid",
)
EXPLAINER = toys.registry("activation").explainers["activation"]
METRIC = toys.registry("activation").metrics["deletion-28"]


@pytest.mark.parametrize(
    "other",
    [
        {"weights_sha": "c"},
        {"preprocess_sha": "c"},
        {"layer": "features.0"},
        {"layout": "tokens"},
        {"dtype": "bfloat16"},
        {"mode": "deterministic"},
        {"seed": 1},
        {"model": "other"},
        {"dataset": "drawn"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_a_block_depends_on_changes_its_cells(other):
    changed = replace(MODEL, **other)
    assert changed.cell(EXPLAINER, METRIC) != MODEL.cell(EXPLAINER, METRIC)
    assert changed.of_maps(EXPLAINER) != MODEL.of_maps(EXPLAINER)
    assert changed.shared_cell != MODEL.shared_cell


@pytest.mark.parametrize("other", [{"run": "again"}, {"device": "cuda"}], ids=["run", "device"])
def test_the_name_of_a_run_and_its_device_change_no_cell(other):
    assert replace(MODEL, **other).cell(EXPLAINER, METRIC) == MODEL.cell(EXPLAINER, METRIC)


@pytest.mark.parametrize("other", [{"version": 7}, {"settings": {"x": 2}}, {"name": "n"}])
@pytest.mark.parametrize("spec", [EXPLAINER, METRIC], ids=["explainer", "metric"])
def test_name_version_and_settings_of_a_method_change_its_cell(spec, other):
    if spec is METRIC and "version" in other:
        other = {**other, "supersedes": "another convention"}
    explainer, metric = (replace(one, **other) if one is spec else one for one in (EXPLAINER, METRIC))
    assert MODEL.cell(explainer, metric) != MODEL.cell(EXPLAINER, METRIC)


def test_where_the_code_of_a_method_lies_changes_no_cell():
    moved = replace(EXPLAINER, at="elsewhere:activation")
    assert MODEL.cell(moved, METRIC) == MODEL.cell(EXPLAINER, METRIC)


def test_the_schema_changes_every_cell(monkeypatch):
    before = MODEL.cell(EXPLAINER, METRIC)
    monkeypatch.setattr(keys, "SCHEMA_VERSION", keys.SCHEMA_VERSION + 1)
    assert MODEL.cell(EXPLAINER, METRIC) != before


def test_the_images_content_changes_its_own_hash_and_a_moved_folder_nothing(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(2):
        toys.picture(i).save(data / f"{i}.png")

    def made(where, output):
        rows = toy_run(tmp_path / output, "activation", data=f"folder:{where}").scores
        return set(rows["cell"]), dict(zip(rows["image"], rows["inputs_sha"], strict=True))

    before = made(data, "first")
    moved = data.rename(tmp_path / "moved")
    assert made(moved, "second") == before
    toys.picture(9).save(moved / "1.png")
    cells, hashes = made(moved, "third")
    assert cells == before[0]
    assert hashes["0"] == before[1]["0"]
    assert hashes["1"] != before[1]["1"]
