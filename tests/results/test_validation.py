"""A whole folder is found whole; each kind of damage is found and named."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from toy_runs import toy_run

from xaibench.api import DataError
from xaibench.results.rows import SCHEMA, read_table, write_table
from xaibench.results.validation import validate


@pytest.fixture
def folder(tmp_path):
    results = toy_run(tmp_path / "run", "activation", "gradient", shard=2, gallery=2)
    return results.path


def shard(folder, number=0):
    return sorted((folder / "scores").glob("*.parquet"))[number]


def altered(folder, change):
    """Rewrite a shard, and the manifest so that its hash is the new one."""
    from xaibench.results.folder import sha_of

    path = shard(folder)
    rows = change(read_table(path).to_pandas())
    import pyarrow as pa

    write_table(path, pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False))
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
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
    import pyarrow as pa

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
