"""Whoever does the tasks, and in whatever order, the rows are the same."""

import pickle
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import toys
from toy_runs import Counting, grow, same_rows

from xaibench.api import ConfigError, DataError, Executor, UnknownName
from xaibench.api.executing import Lost

BOTH = ("activation", "gradient")


@contextmanager
def elsewhere(address="", device="auto", lose=0):
    """Two workers that see nothing but what can be pickled; tasks are done last first.

    `lose`: the task that begins with this image is lost.
    """
    made = []

    def execute(make, tasks):
        workers = [pickle.loads(pickle.dumps(make))() for _ in range(2)]
        made.extend(workers)
        for i, task in enumerate(reversed(list(tasks))):
            if lose and getattr(task, "images", range(0)) and lose in task.images:
                yield Lost(task, "the machine is gone")
            else:
                yield pickle.loads(pickle.dumps(workers[i % 2](pickle.loads(pickle.dumps(task)))))

    try:
        yield execute
    finally:
        for worker in made:
            worker.close()


@pytest.fixture
def apart(monkeypatch):
    """A registry with the executor; the workers find the same plugins."""
    registry = toys.registry(*BOTH)
    monkeypatch.setattr("xaibench.engine.work.worker_factory.installed", lambda strict: registry)
    spec = Executor(name="elsewhere", at="test_executors:elsewhere")
    monkeypatch.setitem(sys.modules, "test_executors", sys.modules[__name__])
    return replace(registry, executors={**registry.executors, spec.name: spec})


def test_rows_maps_and_costs_are_the_same(tmp_path, apart):
    expected = grow(tmp_path / "here", BOTH, limit=5)
    counting = Counting()
    found = grow(
        tmp_path / "there", BOTH, limit=5, registry=apart, executor="elsewhere", observer=counting
    )
    same_rows(found.rows, expected.rows)
    assert (counting.resumed, counting.fresh) == (0, 4)
    for name in ("forwards", "backwards", "models", "data", "device"):
        assert found.manifest[name] == expected.manifest[name]
    for path in (expected.path / "maps").glob("*.safetensors"):
        assert (found.path / "maps" / path.name).read_bytes() == path.read_bytes()
    name = "subset-generated.json"
    assert (found.path / name).read_bytes() == (expected.path / name).read_bytes()


def test_what_is_there_is_not_done_again(tmp_path, apart):
    for place in ("here", "run"):
        grow(tmp_path / place, ("activation",), limit=3)
    expected = grow(tmp_path / "here", BOTH).rows
    counting = Counting()
    elsewhere = {"registry": apart, "executor": "elsewhere", "observer": counting}
    same_rows(grow(tmp_path / "run", BOTH, **elsewhere).rows, expected)
    assert (counting.resumed, counting.fresh) == (0, 6)
    grow(tmp_path / "run", BOTH, **elsewhere)
    assert (counting.resumed, counting.fresh) == (6, 6)


def test_the_pass_width_is_measured_once_for_all_workers(tmp_path, apart, monkeypatch):
    measured = iter([3])  # a second one would be told that there is none
    monkeypatch.setattr("xaibench.engine.work.evaluator.best_width", lambda *_: next(measured))
    found = grow(tmp_path, BOTH, width=0, registry=apart, executor="elsewhere")
    assert set(found.rows["status"]) <= {"ok", "undefined"}
    assert found.manifest["models"]["toy"]["pass_width"] == 3


def test_kept_maps_go_with_the_tasks(tmp_path, apart):
    both = ("deletion-28", "pointing-game")
    for place, where in (("here", {}), ("there", {"registry": apart, "executor": "elsewhere"})):
        grow(tmp_path / place, BOTH, keep_maps=True, **where)
        grow(tmp_path / place, BOTH, both, keep_maps=True, **where)
    found, expected = (
        grow(tmp_path / place, BOTH, both, keep_maps=True).rows for place in ("there", "here")
    )
    assert set(found.loc[found["metric"] == "pointing-game", "maps"]) == {"float16"}
    same_rows(found, expected)
    here, there = ((tmp_path / place / "maps").rglob("*.safetensors") for place in ("here", "there"))
    assert {path.name for path in here} == {path.name for path in there}


def test_a_lost_task_is_rows_that_failed_and_is_tried_again(tmp_path, apart):
    expected = grow(tmp_path / "here", BOTH).rows
    losing = {"registry": apart, "executor": "elsewhere", "executing": {"lose": 3}}
    rows = grow(tmp_path / "run", BOTH, **losing).scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"image-2", "image-3"}
    assert set(failed["reason"]) == {"the machine is gone"}
    same_rows(grow(tmp_path / "run", BOTH, registry=apart, executor="elsewhere").rows, expected)


def test_a_block_that_no_worker_can_load_is_rows(tmp_path, apart, monkeypatch):
    monkeypatch.setattr(toys, "model", toys.no_model)
    rows = grow(tmp_path, BOTH, registry=apart, executor="elsewhere").scores
    assert set(rows["reason"]) == {"OSError: the weights are on the other machine"}


def test_workers_with_other_plugins_are_refused(tmp_path, apart, monkeypatch):
    other = toys.registry(*BOTH)
    other.explainers["gradient"] = replace(other.explainers["gradient"], version=2)
    monkeypatch.setattr("xaibench.engine.work.worker_factory.installed", lambda strict: other)
    with pytest.raises(DataError, match="other versions of plugins"):
        grow(tmp_path, BOTH, registry=apart, executor="elsewhere")


def test_an_unknown_executor_is_refused_with_the_package_that_may_offer_it(tmp_path):
    with pytest.raises(UnknownName, match=r"no executor called 'ray'.*pip install xaibench-ray"):
        grow(tmp_path / "out", BOTH, executor="ray")
    with pytest.raises(ConfigError, match="settings of 'here'"):
        grow(tmp_path / "out", BOTH, executing={"gpus": 2})
    assert not (tmp_path / "out").exists()
