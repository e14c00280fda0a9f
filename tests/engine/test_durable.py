"""What is there is not done again; what goes wrong leaves every other row in place."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import toys
from PIL import Image
from toy_runs import Counting, comparable, grow, lengthy, toy_run

from xaibench.api import ConfigError
from xaibench.api.errors import Stopped
from xaibench.engine.observer import Observer
from xaibench.engine.score_kept import score_kept
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results
from xaibench.results.rows import KEY

HERE = Path(__file__).parent
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


def test_an_image_that_has_changed_is_done_again(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(3):
        toys.picture(i).save(data / f"{i}.png")
    name = f"folder:{data}"
    before = toy_run(tmp_path / "run", "activation", data=name).rows
    toys.picture(9).save(data / "1.png")
    counting = Counting()
    found = toy_run(tmp_path / "run", "activation", data=name, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (2, 1)
    assert len(found) == len(before)
    expected = toy_run(tmp_path / "fresh", "activation", data=name).rows
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


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


def test_an_unreadable_shard_is_named_put_aside_and_made_again(tmp_path):
    expected = toy_run(tmp_path, shard=2).rows
    broken = sorted((tmp_path / "scores").glob("*.parquet"))[1]
    broken.write_bytes(broken.read_bytes()[:-40])
    noting = Noting()
    found = toy_run(tmp_path, shard=2, observer=noting).rows
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
    expected = toy_run(tmp_path / "whole", shard=2).rows
    left, sync = iter([True, True]), os.fsync

    def full(handle):
        if next(left, False):
            return sync(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"No space left on device.*what is finished is kept"):
        toy_run(tmp_path / "run", shard=2)
    monkeypatch.setattr(os, "fsync", sync)
    assert not list((tmp_path / "run").rglob("*.part"))
    counting = Counting()
    found = toy_run(tmp_path / "run", shard=2, observer=counting).rows
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
        tmp_path / "run", "activation", data=f"folder:{data}", shard=1, observer=Vanishing(gone)
    ).scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"7"}
    assert failed["reason"].str.contains("7").all()
    assert set(rows.loc[rows["status"] == "ok", "image"]) == {str(i) for i in range(7)}


@pytest.mark.parametrize("method", ["hanging", "stalling"])
def test_a_method_that_hangs_is_stopped_and_named(tmp_path, method):
    registry = toys.registry("activation", "gradient", metrics=("deletion-28",))
    spec = registry.explainers["gradient"]
    registry.explainers["gradient"] = replace(spec, at=f"toys:{method}")
    rows = grow(
        tmp_path, ("activation", "gradient"), registry=registry, timeout=1.0, limit=2, shard=6
    ).scores
    stopped = rows[rows["explainer"] == "gradient"]
    assert set(stopped["status"]) == {"failed"}
    assert stopped["reason"].str.contains("gave nothing back for 1 seconds; --timeout").all()
    assert set(rows.loc[rows["explainer"] != "gradient", "status"]) == {"ok"}


def test_where_memory_runs_out_half_of_the_images_go_on(tmp_path, monkeypatch):
    from xaibench.engine import shared

    expected = toy_run(tmp_path / "whole", shard=6).rows
    plain = shared.batch_of

    def cramped(pictures, *rest):
        if len(pictures) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return plain(pictures, *rest)

    monkeypatch.setattr(shared, "batch_of", cramped)
    noting = Noting()
    found = toy_run(tmp_path / "run", shard=6, observer=noting).rows
    assert noting.notes == [
        "toy--generated: out of memory with 6 images at once; going on with 3",
        "toy--generated: out of memory with 3 images at once; going on with 2",
        "toy--generated: out of memory with 3 images at once; going on with 2",
    ]
    found, expected = (comparable(rows, "score", "probability") for rows in (found, expected))
    pd.testing.assert_frame_equal(found, expected)


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
    expected = toy_run(tmp_path / "whole", shard=2).rows
    with pytest.raises(Stopped):
        toy_run(tmp_path / "run", shard=2, observer=Asking())
    assert len(Results.load(tmp_path / "run").scores["image"].unique()) == 2
    counting = Counting()
    found = toy_run(tmp_path / "run", shard=2, observer=counting).rows
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


def test_scoring_without_kept_maps_says_what_to_do(tmp_path):
    grow(tmp_path, ("activation",))
    with pytest.raises(ConfigError, match="run with --keep-maps"):
        score_kept(tmp_path, ["pointing-game"])


WORKING = """
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from toy_runs import lengthy
    print("begun", flush=True)
    lengthy(Path(sys.argv[1]), *sys.argv[2:])
"""
HOLDING = """
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from xaibench.engine.observer import Observer
    from toy_runs import toy_run

    class Holding(Observer):
        def done(self, images, resumed):
            print("begun", flush=True)
            sys.stdin.read()

    toy_run(Path(sys.argv[1]), shard=6, observer=Holding())
"""


def child(source, *arguments):
    """Another process, once it says that it has begun: its libraries are imported by then."""
    script = textwrap.dedent(source).format(path=[str(HERE.parent)])
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
        toy_run(tmp_path, shard=6)
    _, errors = first.communicate()  # its input ends, and it goes on
    assert first.returncode == 0, errors
    assert Results.load(tmp_path).manifest["complete"]
    toy_run(tmp_path, shard=6)  # the folder is free again


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1, 2], ids=["one-block", "two-blocks-with-maps"])
def test_fifty_kills_at_random_moments_lose_and_double_no_row(tmp_path, blocks):
    data = [tmp_path / f"data-{block}" for block in range(blocks)]
    for block, folder in enumerate(data):
        folder.mkdir()
        for i in range(80 // blocks):
            toys.picture(100 * block + i).save(folder / f"{i}.png")
    expected = lengthy(tmp_path / "whole", *data).rows
    process = child(WORKING, tmp_path / "clock", *data)
    began = time.monotonic()
    process.communicate()
    whole = time.monotonic() - began
    target = tmp_path / "run"
    kills = midway = seed = 0
    while kills < KILLS:
        seed += 1
        wait = whole * ((seed * 0.6180339887) % 1)  # deterministic, spread over the time of the work
        process = child(WORKING, target, *data)
        try:
            process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            shards = any((target / "scores").glob("*.parquet"))
            midway += shards and not (target / "manifest.json").exists()
        else:
            assert process.returncode == 0
            check_same(target, expected)
            shutil.rmtree(target)
    assert midway >= KILLS / 2, f"only {midway} fell between the first shard and the manifest"
    lengthy(target, *data)
    check_same(target, expected)


def check_same(path, expected):
    found = Results.load(path)
    assert found.manifest["complete"]
    pd.testing.assert_frame_equal(comparable(found.rows), comparable(expected))


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
