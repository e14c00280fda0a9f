"""A whole folder is found whole; each kind of damage is found and named."""

import json
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import toys
from toy_runs import toy_run

from xaibench.api import DataError
from xaibench.engine.plan.config import make_config
from xaibench.engine.plan.part import Part
from xaibench.engine.run.run import run
from xaibench.results.folder import sha_of
from xaibench.results.rows import SCHEMA, read_table, write_table
from xaibench.results.validation import validate

METRICS = ("deletion-28", "pointing-game")
LIMITS = {"toy": 5, "twin": 2}


@pytest.fixture
def folder(tmp_path):
    results = toy_run(tmp_path / "run", "activation", "gradient", images_per_shard=2, gallery=2)
    return results.path


def shard(folder, number=0):
    return sorted((folder / "scores").glob("*.parquet"))[number]


def altered(folder, change, numbers=(0,)):
    """Rewrite shards, and the manifest so that their hashes are the new ones."""
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    for number in numbers:
        path = shard(folder, number)
        rows = change(read_table(path).to_pandas())
        write_table(path, pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False))
        facts["shards"][path.name] = sha_of(path)
    manifest.write_text(json.dumps(facts))


def test_what_a_run_leaves_is_whole(folder):
    found = validate(folder)
    assert found.wrong == []
    assert (found.files, found.cells) == (3, 6)
    assert found.rows == sum(pq.ParquetFile(p).metadata.num_rows for p in folder.rglob("*.parquet"))


def test_a_shard_that_is_cut_short_is_named(folder):
    path = shard(folder)
    path.write_bytes(path.read_bytes()[:-9])
    wrong = "\n".join(validate(folder).wrong)
    assert f"{path} cannot be read" in wrong
    assert f"{path} is not what was written" in wrong


def test_a_shard_that_is_gone_is_named_and_so_are_its_images(folder):
    path = shard(folder)
    path.unlink()
    wrong = "\n".join(validate(folder).wrong)
    assert f"{path} is missing" in wrong
    assert "2 images are in subset-generated.json or in the rows of generated" in wrong


def test_a_changed_score_is_found_by_its_hash(folder):
    path = shard(folder)
    table = read_table(path)
    frame = table.to_pandas()
    frame["score"] = frame["score"] / 2
    write_table(path, pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False))
    (sentence,) = validate(folder).wrong
    assert sentence.startswith(f"{path} is not what was written")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: pd.concat([rows, rows.tail(1)]), "2 rows stand twice"),
        (lambda rows: rows[rows["explainer"] != "gradient"], "gradient lacks 2 scores by deletion-28"),
        (lambda rows: rows.assign(status="fine"), "unknown statuses: fine"),
        (lambda rows: rows.assign(status="failed", reason=""), "are not ok and give no reason"),
        (lambda rows: rows.assign(score=float("nan"), status="ok"), "are ok and have no score"),
        (lambda rows: rows.assign(schema_version=1), "rows of schema [1]"),
    ],
)
def test_rows_that_no_run_writes_are_found(folder, change, said):
    altered(folder, change)
    assert any(said in sentence for sentence in validate(folder).wrong), validate(folder).wrong


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("metric", "deletion-28", ["toy on generated: no row by deletion-28"]),
        (
            "explainer",
            "gradient",
            [f"toy on generated: no row of gradient by {metric}" for metric in METRICS],
        ),
        (
            "image",
            "image-3",
            [
                "1 images are in subset-generated.json or in the rows of generated, not in both, the "
                "first 'image-3'",
                *(
                    f"toy on generated: no row of 1 images, the first 'image-3', by {metric}"
                    for metric in METRICS
                ),
            ],
        ),
    ],
)
def test_what_was_asked_for_and_is_wholly_missing_is_named(folder, column, value, said):
    altered(folder, lambda rows: rows[rows[column] != value], range(3))
    assert validate(folder).wrong == [f"{what}; run the same command again" for what in said]


def test_a_model_that_was_asked_for_and_is_wholly_missing_is_named(tmp_path):
    folder = toy_run(tmp_path, "activation", models=("toy", "none", "other")).path
    assert validate(folder).wrong == []  # two of them cannot be loaded, and say so
    last = len(list(folder.rglob("*.parquet"))) - 1
    lost = [n for n in range(last + 1) if shard(folder, n).name.startswith("toy--")]
    altered(folder, lambda rows: rows[rows["model"] != "toy"], lost)
    said = [f"toy on generated: no row by {metric}; run the same command again" for metric in METRICS]
    assert validate(folder).wrong == said


def test_an_image_that_one_of_two_models_lacks_is_named(tmp_path):
    registry = toys.registry("activation")
    registry.models["twin"] = replace(registry.models["toy"], name="twin")
    folder = toy_run(tmp_path, registry=registry, models=("toy", "twin"), images_per_shard=6).path
    altered(folder, lambda rows: rows[rows["image"] != "image-3"], [1])
    assert validate(folder).wrong == [
        f"twin on generated: no row of 1 images, the first 'image-3', by {metric}; run the same "
        "command again"
        for metric in METRICS
    ]


def test_a_part_is_asked_for_its_own_images_alone(tmp_path):
    folder = toy_run(tmp_path, "activation", images_per_shard=3, part=Part(1, 2)).path
    assert validate(folder).wrong == []
    altered(folder, lambda rows: rows[rows["image"] != "image-3"])
    wrong = "\n".join(validate(folder).wrong)
    assert "no row of 1 images, the first 'image-3', by deletion-28" in wrong
    assert "image-0" not in wrong


def test_grids_of_other_limits_are_whole_and_a_missing_explainer_is_named(tmp_path):
    registry = toys.registry("activation", "gradient", metrics=("deletion-28",))
    registry.models["twin"] = replace(registry.models["toy"], name="twin")
    grid = [{"models": [name], "data": ["generated"], "limit": n} for name, n in LIMITS.items()]
    settings = {
        "grid": grid,
        "gallery": 0,
        "images_per_shard": 6,
        "width": 5,
        "metrics": ["deletion-28"],
    }
    config = make_config({**settings, "explainers": ["activation", "gradient"]})
    folder = run(config, tmp_path, registry=registry).path
    assert validate(folder).wrong == []
    altered(folder, lambda rows: rows[rows["explainer"] != "gradient"], [1])
    (sentence,) = validate(folder).wrong
    assert sentence.startswith("twin on generated: no row of gradient by deletion-28")


def test_an_unfinished_run_and_a_broken_manifest_are_told_apart(folder):
    manifest = folder / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:50])
    assert any("is not JSON" in sentence for sentence in validate(folder).wrong)
    manifest.unlink()
    assert any("there is no manifest.json" in sentence for sentence in validate(folder).wrong)


def test_a_kept_map_that_cannot_be_read_is_named(folder):
    path = sorted((folder / "maps").glob("*.safetensors"))[0]
    path.write_bytes(b"nothing")
    (sentence,) = validate(folder).wrong
    assert str(path) in sentence


def test_a_file_of_maps_at_their_own_resolution_that_cannot_be_read_is_named(tmp_path):
    folder = toy_run(tmp_path, "activation", keep_maps=True).path
    assert validate(folder).wrong == []
    path = sorted((folder / "maps" / "native").iterdir())[0]
    path.write_bytes(path.read_bytes()[:-9])
    (sentence,) = validate(folder).wrong
    assert sentence.startswith(f"{path} cannot be read")


def test_what_is_no_results_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no results folder"):
        validate(tmp_path)
