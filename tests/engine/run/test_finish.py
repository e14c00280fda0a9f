"""The end of a run reads each file once, and what it returns is what a later reader loads."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from toy_runs import toy_run
from toys import registry

from xaibench.engine.run.merge import merge
from xaibench.engine.run.score_kept import score_kept
from xaibench.results import kept, results, rows
from xaibench.results.results import Results
from xaibench.results.statistics import score_matrix

METRICS = ("deletion-28", "pointing-game")


@pytest.fixture
def reads(monkeypatch):
    """Count how often rows are read, matrices are made of them, and files of kept maps are opened."""
    counter = Counter()

    def counted(module, name, key):
        original = getattr(module, name)

        def wrapper(*arguments):
            counter[key(*arguments)] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, wrapper)

    counted(results, "read_rows", lambda paths: "rows")
    counted(score_matrix, "matrix", lambda table: f"matrix of {table['metric'].iloc[0]}")
    counted(kept, "kept_facts", lambda path: f"facts of {path.name}")
    counted(kept, "load_kept", lambda path: f"maps of {path.name}")
    return counter


def test_a_run_reads_its_rows_and_its_kept_maps_once(tmp_path, reads):
    run = toy_run(tmp_path / "run", "activation", "gradient", gallery=5, metrics=METRICS)
    names = [path.name for path in (run.path / "maps").glob("*.safetensors")]
    assert len(names) == 5
    once = ["rows", *(f"{what} of {name}" for what in ("facts", "maps") for name in names)]
    assert reads == dict.fromkeys([*once, *(f"matrix of {metric}" for metric in METRICS)], 1)
    run.boards(together=True)
    run.problems()
    assert reads["rows"] == reads["matrix of deletion-28"] == 1


def test_a_resumed_run_reads_its_rows_once(tmp_path, reads):
    toy_run(tmp_path / "run", "activation", gallery=2)
    reads.clear()
    toy_run(tmp_path / "run", "activation", gallery=2)
    assert reads["rows"] == 1


def test_more_metrics_on_kept_maps_read_the_rows_once(tmp_path, reads):
    run = toy_run(tmp_path / "run", "activation", keep_maps=True, metrics=("deletion-28",))
    reads.clear()
    score_kept(run.path, ("pointing-game",), registry=registry("activation", metrics=METRICS))
    assert reads["rows"] == 1


def test_a_merge_reads_each_shard_once(tmp_path, monkeypatch):
    parts = [
        toy_run(tmp_path / name, "activation", data=name).path for name in ("generated", "ill_masked")
    ]
    shards: Counter[Path] = Counter()
    read_table = rows.read_table

    def counted(path, *columns):
        shards[path] += 1
        return read_table(path, *columns)

    monkeypatch.setattr(rows, "read_table", counted)
    merged = merge(parts, tmp_path / "merged")
    files = [file for part in parts for file in (part / "scores").glob("*.parquet")]
    assert shards == dict.fromkeys(files, 1)
    pd.testing.assert_frame_equal(merged.rows, Results.load(merged.path).rows)


def test_the_results_of_a_run_are_those_that_are_loaded_later(tmp_path):
    run = toy_run(tmp_path / "run", "activation", "gradient")
    later = Results.load(tmp_path / "run")
    assert run.manifest == later.manifest
    pd.testing.assert_frame_equal(run.rows, later.rows)
    pd.testing.assert_frame_equal(run.intervals, later.intervals)
