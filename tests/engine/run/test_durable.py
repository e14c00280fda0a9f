"""What is there is not done again; what goes wrong leaves every other row in place."""

import errno
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import toys
from PIL import Image, ImageFile
from toy_runs import Counting, comparable, grow, lengthy, toy_run
from xaibench_metrics.localisation.pointing_game import pointing_game

from xaibench.api import ConfigError, batch
from xaibench.api.batch import Example
from xaibench.api.errors import Stopped
from xaibench.api.variants import Variants
from xaibench.engine.plan.part import Part
from xaibench.engine.run.merge import merge
from xaibench.engine.run.score_kept import score_kept
from xaibench.engine.work import evaluator as worker
from xaibench.engine.work.observer import Observer, Tally
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results
from xaibench.results.rows import KEY
from xaibench.results.validation import validate

TESTS = Path(__file__).parents[2]
KILLS = 50


class Noting(Observer):
    """Keeps what the user is told, and counts the maps that explainers make."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def counted(monkeypatch):
    """How often the explainers `activation` and `gradient` are asked."""
    calls = {"activation": 0, "gradient": 0}
    for name in calls:
        plain = getattr(toys, name)

        def counting(capture, plain=plain, name=name):
            calls[name] += 1
            return plain(capture)

        monkeypatch.setattr(toys, name, counting)
    return calls


def test_one_more_explainer_adds_only_its_rows(tmp_path, monkeypatch):
    expected = grow(tmp_path / "whole", ("activation", "gradient")).rows
    grow(tmp_path / "run", ("activation",))
    calls = counted(monkeypatch)
    found = grow(tmp_path / "run", ("activation", "gradient")).rows
    assert calls == {"activation": 0, "gradient": 3}
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_one_more_metric_adds_only_its_rows(tmp_path):
    expected = grow(tmp_path / "whole", ("activation",), ("deletion-28", "pointing-game")).rows
    first = grow(tmp_path / "run", ("activation",)).rows
    found = grow(tmp_path / "run", ("activation",), ("deletion-28", "pointing-game")).rows
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))
    again = found[found["metric"].isin(["", "deletion-28"])]
    same = ["metric_ms", "explain_ms", *KEY]  # the very rows, times and all
    pd.testing.assert_frame_equal(
        again.sort_values(list(KEY))[same].reset_index(drop=True),
        first.sort_values(list(KEY))[same].reset_index(drop=True),
    )


def test_more_images_add_only_their_rows(tmp_path):
    expected = grow(tmp_path / "whole", ("activation",), limit=6).rows
    grow(tmp_path / "run", ("activation",), limit=3)
    counting = Counting()
    found = grow(tmp_path / "run", ("activation",), limit=6, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (2, 3)
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_the_gallery_keeps_maps_of_earlier_explainers_beside_new_ones(tmp_path):
    from xaibench.results.kept import load_kept

    grow(tmp_path, ("activation",))
    grow(tmp_path, ("activation", "gradient"))
    (first, *_) = sorted((tmp_path / "maps").glob("*.safetensors"))
    kept, _, maps = load_kept(first)
    assert set(kept.explainers) == {"activation", "gradient", "control"}
    assert len(maps) == 3


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"explainers": ("gradient",)}, "explainers had activation"),
        ({"metrics": ("pointing-game",)}, "metrics had deletion-28"),
        ({"limit": 2}, "toy on generated has 2 examples, and had 4"),
        ({"seed": 3}, "seed was 0, and is 3"),
    ],
)
def test_settings_that_ask_for_less_or_for_other_rows_are_refused(tmp_path, then, said):
    first = {"explainers": ("activation",), "metrics": ("deletion-28",), "limit": 4}
    rows = grow(tmp_path, **first).rows
    with pytest.raises(ConfigError, match=said):
        grow(tmp_path, **{**first, **then})
    pd.testing.assert_frame_equal(grow(tmp_path, **first).rows, rows)


def test_an_image_that_has_changed_is_done_again(tmp_path, decoded):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(3):
        toys.picture(i).save(data / f"{i}.png")
    name = f"folder:{data}"
    before = toy_run(tmp_path / "run", "activation", data=name).rows
    toys.picture(9).save(data / "1.png")
    counting = Counting()
    decoded.clear()
    found = toy_run(tmp_path / "run", "activation", data=name, observer=counting).rows
    assert (counting.resumed, counting.fresh, decoded) == (2, 1, ["1.png"])
    assert len(found) == len(before)
    expected = toy_run(tmp_path / "fresh", "activation", data=name).rows
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The folder of a data set that knows of three files, whether they are there or not."""
    data = tmp_path / "data"
    data.mkdir()
    for i in range(3):
        toys.picture(i).save(data / f"{i}.png")
    monkeypatch.setattr(toys, "folder", listed)
    return data


def listed(root, box=(0, 0, 8, 8), masked=None, targets=()):
    """Three files; `box` and `targets` are of the second; `masked` columns of it have its class."""
    examples = [Example(f"{i}", root / f"{i}.png", 0, boxes=((0, 0, 8, 8),)) for i in range(3)]
    mask = None if masked is None else lambda: np.tri(toys.SIDE, toys.SIDE + 4, masked, dtype=bool)
    examples[1] = replace(examples[1], boxes=(box,), mask=mask, targets=targets)
    return examples


@pytest.fixture
def decoded(monkeypatch):
    """The files whose pixels were decoded, in turn."""
    found, plain = [], batch.open_picture

    def opening(path):
        found.append(path.name)
        return plain(path)

    monkeypatch.setattr(batch, "open_picture", opening)
    return found


def test_what_is_finished_is_not_decoded_and_the_rest_once(tmp_path, files, decoded, monkeypatch):
    given = {
        "data": f"folder:{files}",
        "registry": toys.registry("activation", "gradient"),
        "images_per_shard": 2,
    }
    first = toy_run(tmp_path / "run", explainers=("activation",), **given)
    subset = next(first.path.glob("subset-*.json")).read_text()
    decoded.clear()
    with monkeypatch.context() as nothing:
        nothing.setattr(ImageFile.ImageFile, "load", toys.raising)
        found = toy_run(tmp_path / "run", explainers=("activation",), **given)
    assert not decoded
    assert next(found.path.glob("subset-*.json")).read_text() == subset
    pd.testing.assert_frame_equal(found.rows, first.rows)
    toy_run(tmp_path / "run", explainers=("activation", "gradient"), **given)
    assert sorted(decoded) == ["0.png", "1.png", "2.png"]


def test_a_network_is_prepared_and_its_pass_width_measured_only_where_something_is_lacking(
    tmp_path, files, monkeypatch
):
    called = []
    for name in ("prepare_network", "best_width"):
        plain = getattr(worker, name)
        monkeypatch.setattr(worker, name, noted(called, name, plain))
    given = {"data": f"folder:{files}", "width": 0}
    manifest = toy_run(tmp_path / "run", "activation", **given).manifest
    assert called == ["prepare_network", "best_width"]
    assert manifest["models"]["toy"]["pass_width"] > 0
    again = toy_run(tmp_path / "run", "activation", **given).manifest
    assert called == ["prepare_network", "best_width"]
    assert again["models"] == manifest["models"]  # what was found then still holds
    toys.picture(9).save(files / "1.png")  # which is seen when all seemed to be there
    toy_run(tmp_path / "run", "activation", **given)
    assert called == ["prepare_network", "best_width"] * 2


@pytest.mark.parametrize(
    ("former", "width"),
    [
        ({"toy": {"weights_sha256": "a", "mode": "", "pass_width": 3}}, 3),
        ({"toy": {"weights_sha256": "b", "mode": "", "pass_width": 3}}, None),
        ({"toy": {"weights_sha256": "a", "mode": "compiled", "pass_width": 3}}, None),
        ({"other": {"weights_sha256": "a", "mode": "", "pass_width": 3}}, None),
        ({"toy": 3}, None),
    ],
)
def test_what_was_found_of_the_same_network_is_remembered_and_of_no_other(former, width):
    tally = Tally()
    tally.tell_of_model("toy", weights_sha256="a", mode="")
    tally.remember(former)
    assert tally.models["toy"].get("pass_width") == width


def noted(called, name, plain):
    """`plain`, but that its name is added to `called`."""

    def calling(*given):
        called.append(name)
        return plain(*given)

    return calling


def test_a_pass_width_that_cannot_be_measured_is_rows_and_what_is_there_stays(tmp_path, monkeypatch):
    before = grow(tmp_path, ("activation",), width=0).rows
    with monkeypatch.context() as broken:
        broken.setattr(worker, "best_width", lambda *_: toys.raising(None))
        rows = grow(tmp_path, ("activation", "gradient"), width=0).rows
    failed = rows[rows["status"] == "failed"]
    assert set(failed["reason"]) == {"ZeroDivisionError: nothing to divide by"}
    kept = rows[rows["status"] != "failed"].sort_values(list(KEY)).reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before.sort_values(list(KEY)).reset_index(drop=True))
    found = grow(tmp_path, ("activation", "gradient"), width=0).rows
    assert "failed" not in set(found["status"])


CHANGES = [{"box": (0, 0, 9, 9)}, {"masked": 1}, {"targets": (0, 1)}]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_an_image_whose_annotation_has_changed_is_done_again(
    tmp_path, files, decoded, monkeypatch, change
):
    monkeypatch.setattr(toys, "folder", partial(listed, masked=2))
    toy_run(tmp_path / "run", "activation", data=f"folder:{files}")
    monkeypatch.setattr(toys, "folder", partial(listed, **{"masked": 2, **change}))
    decoded.clear()
    counting = Counting()
    found = toy_run(tmp_path / "run", "activation", data=f"folder:{files}", observer=counting).rows
    assert (counting.resumed, counting.fresh, decoded) == (2, 1, ["1.png"])
    expected = toy_run(tmp_path / "fresh", "activation", data=f"folder:{files}").rows
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_rows_of_images_that_cannot_be_read_any_more_stay(tmp_path, files):
    given = {"data": f"folder:{files}", "registry": toys.registry("activation", "gradient")}
    path = tmp_path / "run"
    before = toy_run(path, explainers=("activation",), **given).rows
    subset = next(path.glob("subset-*.json")).read_text()
    (files / "1.png").rename(files / "away")
    noting = Noting()
    found = toy_run(path, explainers=("activation",), observer=noting, **given)
    pd.testing.assert_frame_equal(found.rows, before)
    assert next(path.glob("subset-*.json")).read_text() == subset
    (note,) = noting.notes
    assert "1 images cannot be read now" in note
    assert "1.png" in note
    rows = toy_run(path, explainers=("activation", "gradient"), **given).scores
    failed = rows[rows["status"] == "failed"]
    assert set(zip(failed["image"], failed["explainer"], strict=True)) == {("1", "gradient")}
    (files / "away").rename(files / "1.png")
    found = toy_run(path, explainers=("activation", "gradient"), **given).rows
    expected = toy_run(tmp_path / "whole", explainers=("activation", "gradient"), **given).rows
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_rows_of_an_image_that_the_subset_means_otherwise_by_now_do_not_stay(tmp_path, files):
    toy_run(tmp_path / "first", "activation", data=f"folder:{files}")
    subset = next((tmp_path / "first").glob("subset-*.json"))
    given = {"data": f"folder:{files}", "subset": (str(subset),)}
    sha = toy_run(tmp_path / "run", "activation", **given).rows.set_index("image")["image_sha"]["1"]
    subset.write_text(subset.read_text().replace(sha.iloc[0], "0" * 16))
    rows = toy_run(tmp_path / "run", "activation", **given).scores
    assert set(rows.loc[rows["image"] == "1", "status"]) == {"failed"}
    assert set(rows.loc[rows["image"] != "1", "status"]) == {"ok"}


def test_what_failed_is_tried_again_and_nothing_else(tmp_path, monkeypatch):
    expected = grow(tmp_path / "whole", ("activation", "gradient")).rows
    mended = toys.gradient
    monkeypatch.setattr(toys, "gradient", toys.raising)
    broken = grow(tmp_path / "run", ("activation", "gradient")).scores
    assert set(broken.loc[broken["explainer"] == "gradient", "status"]) == {"failed"}
    monkeypatch.setattr(toys, "gradient", mended)
    calls = counted(monkeypatch)
    found = grow(tmp_path / "run", ("activation", "gradient")).rows
    assert calls == {"activation": 0, "gradient": 3}
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def nan_for_one_class(capture):
    """No map of the second class of `image-1`."""
    maps = toys.activation(capture).clone()
    batch = capture.batch
    maps[[i for i, name in enumerate(batch.ids) if (name, int(batch.targets[i])) == ("image-1", 2)]] = (
        torch.nan
    )
    return maps


def test_a_class_of_an_image_that_failed_is_tried_again_with_the_others(tmp_path, monkeypatch):
    expected = grow(tmp_path / "whole", ("gradient",), ("pointing-game",)).rows
    mended = toys.gradient
    monkeypatch.setattr(toys, "gradient", nan_for_one_class)
    for _ in range(2):  # what goes on failing stays
        rows = grow(tmp_path / "run", ("gradient",), ("pointing-game",)).rows
        failed = rows[rows["status"] == "failed"]
        assert set(zip(failed["image"], failed["target"], strict=True)) == {("image-1", 2)}
        assert len(rows) == len(expected)
    monkeypatch.setattr(toys, "gradient", mended)
    counting = Counting()
    found = grow(tmp_path / "run", ("gradient",), ("pointing-game",), observer=counting).rows
    assert (counting.resumed, counting.fresh) == (5, 1)
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_an_unreadable_shard_is_named_put_aside_and_made_again(tmp_path):
    expected = toy_run(tmp_path, images_per_shard=2).rows
    broken = sorted((tmp_path / "scores").glob("*.parquet"))[1]
    broken.write_bytes(broken.read_bytes()[:-40])
    noting = Noting()
    found = toy_run(tmp_path, images_per_shard=2, observer=noting).rows
    assert any(str(broken) in note and "put aside" in note for note in noting.notes)
    assert [path.name for path in (tmp_path / "scores").glob("*.unreadable")]
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_a_truncated_manifest_costs_nothing(tmp_path):
    expected = toy_run(tmp_path).rows
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    counting = Counting()
    found = toy_run(tmp_path, observer=counting)
    assert counting.fresh == 0
    pd.testing.assert_frame_equal(comparable(found.rows), comparable(expected))
    assert found.manifest["complete"]


def test_a_full_disk_is_said_and_what_is_finished_is_kept(tmp_path, monkeypatch):
    expected = toy_run(tmp_path / "whole", images_per_shard=2).rows
    left, sync = iter([True] * 4), os.fsync  # of the settings, of a shard, and of their names

    def full(handle):
        if next(left, False):
            return sync(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"No space left on device.*what is finished is kept"):
        toy_run(tmp_path / "run", images_per_shard=2)
    monkeypatch.setattr(os, "fsync", sync)
    assert not list((tmp_path / "run").rglob("*.part"))
    counting = Counting()
    found = toy_run(tmp_path / "run", images_per_shard=2, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (2, 4)
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


class Vanishing(Observer):
    """Removes a file once the first shard is done."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def done(self, images: int, resumed: bool) -> None:
        self.path.unlink(missing_ok=True)


def test_an_image_that_vanishes_is_named_and_leaves_the_rest(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(8):
        toys.picture(i).save(data / f"{i}.png")
    gone = data / "7.png"
    rows = toy_run(
        tmp_path / "run",
        "activation",
        data=f"folder:{data}",
        images_per_shard=1,
        observer=Vanishing(gone),
    ).scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"7"}
    assert failed["reason"].str.contains("7").all()
    assert set(rows.loc[rows["status"] == "ok", "image"]) == {str(i) for i in range(7)}


def fill_up(monkeypatch, folder, pattern):
    """A disk on which there is no room for files of such a name."""
    sync = os.fsync

    def full(handle):
        sync(handle)
        asides = folder.rglob(f".{pattern}.part")
        if any(os.path.samestat(os.fstat(handle), aside.stat()) for aside in asides):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize(
    ("pattern", "settings", "finished"),
    [
        ("*image-0.safetensors", {"gallery": 2}, 0),
        ("*image-3.safetensors", {"gallery": 6}, 3),
        ("*.safetensors", {"keep_maps": True}, 0),
        ("subset-*.json", {}, 6),
        ("gallery.png", {"gallery": 2}, 6),
        ("manifest.json", {}, 6),
        ("report.html", {}, 6),
    ],
    ids=["first gallery map", "later gallery map", "maps", "subset", "picture", "manifest", "report"],
)
def test_a_disk_full_at_any_file_is_said_and_what_is_finished_is_kept(
    tmp_path, monkeypatch, pattern, settings, finished
):
    expected = toy_run(tmp_path / "whole", images_per_shard=3, **settings).rows
    with monkeypatch.context() as patch:
        fill_up(patch, tmp_path / "run", pattern)
        with pytest.raises(ConfigError, match=r"No space left on device.*what is finished is kept"):
            toy_run(tmp_path / "run", images_per_shard=3, **settings)
    assert not list((tmp_path / "run").rglob("*.part"))
    counting = Counting()
    found = toy_run(tmp_path / "run", images_per_shard=3, observer=counting, **settings)
    assert (counting.resumed, counting.fresh) == (finished, 6 - finished)
    pd.testing.assert_frame_equal(comparable(found.rows), comparable(expected))
    assert validate(found.path).wrong == []


@pytest.mark.parametrize("pattern", ["*.parquet", "*.safetensors"])
def test_a_full_disk_while_runs_are_merged_is_said_and_leaves_the_parts(tmp_path, monkeypatch, pattern):
    settings = {"images_per_shard": 3, "keep_maps": True}
    parts = [
        toy_run(tmp_path / str(i), "activation", part=Part(i, 2), **settings).path for i in range(2)
    ]
    with monkeypatch.context() as patch:
        fill_up(patch, tmp_path / "merged", pattern)
        with pytest.raises(ConfigError, match=r"No space left on device.*what is finished is kept"):
            merge(parts, tmp_path / "merged")
    found = merge(parts, tmp_path / "merged", overwrite=True)
    assert validate(found.path).wrong == []


@pytest.mark.parametrize("method", ["hanging", "stalling", "endless"])
def test_a_method_that_hangs_is_stopped_and_named(tmp_path, method):
    registry = toys.registry("activation", "gradient", metrics=("deletion-28",))
    spec = registry.explainers["gradient"]
    registry.explainers["gradient"] = replace(spec, at=f"toys:{method}")
    rows = grow(
        tmp_path, ("activation", "gradient"), registry=registry, timeout=1.0, limit=2, images_per_shard=6
    ).scores
    stopped = rows[rows["explainer"] == "gradient"]
    assert set(stopped["status"]) == {"failed"}
    assert stopped["reason"].str.contains("gave nothing back for 1 seconds; --timeout").all()
    assert set(rows.loc[rows["explainer"] != "gradient", "status"]) == {"ok"}


def test_where_memory_runs_out_half_of_the_images_go_on(tmp_path, monkeypatch):
    from xaibench.engine.work import shared_pass as shared

    expected = toy_run(tmp_path / "whole", images_per_shard=6).rows
    plain = shared.batch_of

    def cramped(pictures, *rest):
        if len(pictures) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return plain(pictures, *rest)

    monkeypatch.setattr(shared, "batch_of", cramped)
    noting = Noting()
    found = toy_run(tmp_path / "run", images_per_shard=6, observer=noting).rows
    assert noting.notes == [
        "toy--generated: out of memory with 6 images at once; going on with 3",
        "toy--generated: out of memory with 3 images at once; going on with 2",
        "toy--generated: out of memory with 3 images at once; going on with 2",
    ]
    found, expected = (comparable(rows, "score", "probability") for rows in (found, expected))
    pd.testing.assert_frame_equal(found, expected)


HELD = []  # what methods that have run out of memory had in their hands


def refuse_many(batch):
    """As a method's own algebra does, of more than two images; what it held is gone when it returns."""
    assert all(held() is None for held in HELD), "what did not fit is still there"
    big = torch.zeros(len(batch.ids))
    HELD.append(weakref.ref(big))
    if len(set(batch.ids)) > 2:
        raise MemoryError


def cramped(capture):
    refuse_many(capture.batch)
    return toys.gradient(capture)


def cramped_asking(capture):
    yield Variants(lambda row, k: capture.batch.images[row].repeat(len(k), 1, 1, 1), 2)
    refuse_many(capture.batch)
    return toys.gradient(capture)


def cramped_pointing(maps, batch, **settings):
    refuse_many(batch)
    return pointing_game(maps, batch, **settings)


def cramped_pointing_asking(maps, batch, **settings):
    yield Variants(lambda row, k: batch.images[row].repeat(len(k), 1, 1, 1), 2)
    return cramped_pointing(maps, batch, **settings)


@pytest.mark.parametrize(
    ("kind", "name", "method"),
    [
        ("explainers", "gradient", "cramped"),
        ("explainers", "gradient", "cramped_asking"),
        ("metrics", "pointing-game", "cramped_pointing"),
        ("metrics", "pointing-game", "cramped_pointing_asking"),
    ],
)
def test_where_a_method_runs_out_of_memory_half_of_the_images_go_on(
    tmp_path, monkeypatch, kind, name, method
):
    expected = toy_run(tmp_path / "whole", "activation", "gradient", images_per_shard=6).rows
    registry = toys.registry("activation", "gradient")
    specs = getattr(registry, kind)
    specs[name] = replace(specs[name], at=f"{__name__}:{method}")
    noting = Noting()
    HELD.clear()
    gc.disable()
    try:
        found = toy_run(tmp_path / "run", registry=registry, images_per_shard=6, observer=noting).rows
    finally:
        gc.enable()
    assert "toy--generated: out of memory with 6 images at once; going on with 3" in noting.notes
    assert set(found["status"]) == {"ok", "undefined"}
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_a_method_that_has_no_memory_for_one_image_fails_alone(tmp_path, monkeypatch):
    def full(capture):
        raise MemoryError("no room")

    monkeypatch.setattr(toys, "gradient", full)
    rows = toy_run(tmp_path, "activation", "gradient", images_per_shard=6).scores
    failed = rows[rows["explainer"] == "gradient"]
    assert set(failed["status"]) == {"failed"}
    assert set(failed["reason"]) == {"MemoryError: no room"}
    assert "failed" not in set(rows.loc[rows["explainer"] != "gradient", "status"])


def test_a_metric_that_asks_for_ever_is_stopped_and_named(tmp_path):
    registry = toys.registry("activation")
    spec = registry.metrics["deletion-28"]
    registry.metrics["deletion-28"] = replace(spec, at=f"{__name__}:never_content", settings={})
    rows = toy_run(tmp_path, registry=registry, limit=1, timeout=2).scores
    stopped = rows[rows["metric"] == "deletion-28"]
    assert set(stopped["status"]) == {"failed"}
    assert stopped["reason"].str.contains("gave nothing back for 2 seconds; --timeout").all()
    assert "failed" not in set(rows.loc[rows["metric"] != "deletion-28", "status"])


def never_content(maps, batch):
    while True:
        time.sleep(0.02)
        yield Variants(lambda row, k: batch.images[row][None], 1)


class Holding(Observer):
    """Starts a second run into the same folder while the first one works."""

    def __init__(self, path: Path) -> None:
        self.path, self.refused = path, ""

    def done(self, images: int, resumed: bool) -> None:
        with pytest.raises(ConfigError) as said:
            toy_run(self.path)
        self.refused = str(said.value)


def test_the_second_run_into_one_folder_is_refused(tmp_path):
    holding = Holding(tmp_path)
    first = toy_run(tmp_path, observer=holding)
    assert "another run is writing into" in holding.refused
    assert first.manifest["complete"]
    toy_run(tmp_path)  # the folder is free again


class Asking(Observer):
    """Asks for the end after the first shard."""

    def __init__(self) -> None:
        self.shards = 0

    def done(self, images: int, resumed: bool) -> None:
        self.shards += 1

    def stopping(self) -> bool:
        return self.shards > 0


def test_a_run_that_is_asked_to_stop_finishes_its_shard(tmp_path):
    expected = toy_run(tmp_path / "whole", images_per_shard=2).rows
    with pytest.raises(Stopped):
        toy_run(tmp_path / "run", images_per_shard=2, observer=Asking())
    assert len(Results.load(tmp_path / "run").scores["image"].unique()) == 2
    counting = Counting()
    found = toy_run(tmp_path / "run", images_per_shard=2, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (2, 4)
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_kept_maps_are_scored_by_more_metrics_without_their_explainers(tmp_path, monkeypatch):
    both = ("deletion-28", "pointing-game")
    expected = grow(tmp_path / "whole", ("activation", "gradient"), both).scores
    grow(tmp_path / "run", ("activation", "gradient"), keep_maps=True)
    calls = counted(monkeypatch)
    registry = toys.registry("activation", "gradient", metrics=both)
    found = score_kept(tmp_path / "run", ["pointing-game"], registry=registry).scores
    assert calls == {"activation": 0, "gradient": 0}
    added = found[found["metric"] == "pointing-game"]
    assert set(added["maps"]) == {"float16"}
    assert set(found.loc[found["metric"] == "deletion-28", "maps"]) == {"float32"}
    wanted = expected[expected["metric"] == "pointing-game"]
    pd.testing.assert_frame_equal(comparable(added, "maps"), comparable(wanted, "maps"))


def test_an_unreadable_file_of_kept_maps_is_named_put_aside_and_made_again(tmp_path, monkeypatch):
    both = ("deletion-28", "pointing-game")
    expected = grow(tmp_path / "whole", ("activation",), both, keep_maps=True).rows
    native = grow(tmp_path / "run", ("activation",), keep_maps=True).path / "maps" / "native"
    files = sorted(native.iterdir())
    files[1].write_bytes(files[1].read_bytes()[:-40])
    calls, noting = counted(monkeypatch), Noting()
    found = grow(tmp_path / "run", ("activation",), both, keep_maps=True, observer=noting).rows
    (note,) = noting.notes
    assert note.startswith(f"{files[1]} cannot be read")
    assert note.endswith("it is put aside")
    assert calls["activation"] == 1  # of three shards
    aside = files[1].with_name(f"{files[1].name}.unreadable")
    assert sorted(native.iterdir()) == sorted([*files, aside])
    assert [f"{aside} was put aside: it cannot be read"] == validate(tmp_path / "run").wrong
    pd.testing.assert_frame_equal(comparable(found, "maps"), comparable(expected, "maps"))


def test_scoring_without_kept_maps_says_what_to_do(tmp_path):
    grow(tmp_path, ("activation",))
    with pytest.raises(ConfigError, match="run with --keep-maps"):
        score_kept(tmp_path, ["pointing-game"])


FORKING = """
    import json
    import os
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from toy_runs import lengthy
    print("begun", flush=True)
    while asked := sys.stdin.readline():
        target, *data = json.loads(asked)
        process = os.fork()
        if process == 0:
            lengthy(Path(target), *data)
            os._exit(0)
        print(process, flush=True)
        sys.stdin.readline()  # until then it is not reaped, and its number is nobody else's
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""
HOLDING = """
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from xaibench.engine.work.observer import Observer, Tally
    from toy_runs import toy_run

    class Holding(Observer):
        def done(self, images, resumed):
            print("begun", flush=True)
            sys.stdin.read()

    toy_run(Path(sys.argv[1]), images_per_shard=6, observer=Holding())
"""


def child(source, *arguments):
    """Another process, once it says that it has begun: its libraries are imported by then."""
    script = textwrap.dedent(source).format(path=[str(TESTS)])
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stdout.readline()
    assert said == "begun\n", process.communicate()[1]
    return process


def test_the_second_run_into_one_folder_is_refused_to_another_process(tmp_path):
    first = child(HOLDING, tmp_path)
    with pytest.raises(ConfigError, match="another run is writing into"):
        toy_run(tmp_path, images_per_shard=6)
    _, errors = first.communicate()  # its input ends, and it goes on
    assert first.returncode == 0, errors
    assert Results.load(tmp_path).manifest["complete"]
    toy_run(tmp_path, images_per_shard=6)  # the folder is free again


class Forks:
    """Runs in processes of their own, forked from one that has imported torch: it takes seconds."""

    def __init__(self) -> None:
        self.parent = child(FORKING)

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.parent.communicate()  # its input ends, and so does it

    def run(self, *arguments, kill_after: float | None = None) -> int:
        """The exit code of a `lengthy` run; it gets SIGKILL after so many seconds."""
        process = int(self._ask(json.dumps([str(argument) for argument in arguments])))
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(process, signal.SIGKILL)
        return int(self._ask(""))

    def _ask(self, line: str) -> str:
        self.parent.stdin.write(f"{line}\n")
        self.parent.stdin.flush()
        answer = self.parent.stdout.readline()
        assert answer, self.parent.communicate()[1]
        return answer


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("blocks", [1, 2], ids=["one-block", "two-blocks-with-maps"])
def test_fifty_kills_at_random_moments_lose_and_double_no_row(tmp_path, blocks):
    data = [tmp_path / f"data-{block}" for block in range(blocks)]
    for block, folder in enumerate(data):
        folder.mkdir()
        for i in range(80 // blocks):
            toys.picture(100 * block + i).save(folder / f"{i}.png")
    expected = lengthy(tmp_path / "whole", *data).rows
    if blocks > 1:
        shutil.rmtree(tmp_path / "whole" / "scores")  # as if killed between all maps and their rows
        expected = pd.concat([expected, lengthy(tmp_path / "whole", *data).rows])
    target = tmp_path / "run"
    kills = midway = finished = seed = 0
    with Forks() as forks:
        began = time.monotonic()
        assert forks.run(tmp_path / "clock", *data) == 0
        whole = time.monotonic() - began
        while kills < KILLS:
            seed += 1
            wait = whole * ((seed * 0.6180339887) % 1)  # deterministic, spread over the time of the work
            code = forks.run(target, *data, kill_after=wait)
            if code == -signal.SIGKILL:
                kills += 1
                shards = any((target / "scores").glob("*.parquet"))
                midway += shards and not (target / "manifest.json").exists()
            else:
                assert code == 0
                check_same(target, expected)
                shutil.rmtree(target)
                finished += 1
    print(f"{kills} kills, {midway} midway; {finished} finished before; the whole takes {whole:.1f} s")
    assert midway >= KILLS / 2, f"only {midway} fell between the first shard and the manifest"
    lengthy(target, *data)
    check_same(target, expected)


def check_same(path, expected):
    """Every row is there once, and is one of those expected of its key and its maps' precision."""
    found = Results.load(path)
    assert found.manifest["complete"]
    index = [*KEY, "maps"]
    assert set(found.rows.set_index(list(KEY)).index) == set(expected.set_index(list(KEY)).index)
    assert not found.rows.duplicated(list(KEY)).any()
    rows = comparable(found.rows).set_index(index)
    of_each = comparable(expected.drop_duplicates(index)).set_index(index)
    pd.testing.assert_frame_equal(rows, of_each.loc[rows.index])


@pytest.mark.parametrize("name", ["timm:resnet18=random", "timm_resnet18_random", "../x", "ünï"])
def test_blocks_of_similar_names_have_files_of_their_own(tmp_path, name):
    folder = RunFolder(tmp_path)
    folder.scores.mkdir()
    folder.write(name, "0", [])
    (file,) = folder.scores.glob("*.parquet")
    assert file.parent == folder.scores
    others = [other for other in ("timm:resnet18=random", "timm_resnet18_random") if other != name]
    assert all(not folder.shards(other) for other in others)
    assert folder.shards(name) == [file]


def test_an_unreadable_image_is_tried_again(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    Image.new("RGB", (20, 16)).save(data / "a.png")
    (data / "b.png").write_bytes(b"nothing")
    name = f"folder:{data}"
    rows = toy_run(tmp_path / "run", "activation", data=name).scores
    assert set(rows.loc[rows["status"] == "failed", "image"]) == {"b"}
    toys.picture(3).save(data / "b.png")
    found = toy_run(tmp_path / "run", "activation", data=name)
    assert set(found.scores.loc[found.scores["image"] == "b", "status"]) == {"ok"}
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["complete"]
