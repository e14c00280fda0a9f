import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toys
from toy_runs import Counting, comparable, toy_run

from xaibench.api import ConfigError, UnknownName
from xaibench.engine.discovery.registry import installed
from xaibench.engine.images.trials import batch_of
from xaibench.engine.run.forecast import forecast
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.engine.work.observer import Observer
from xaibench.report.page.build import write_report
from xaibench.results.folder import RunFolder
from xaibench.results.kept import kept_facts
from xaibench.results.results import Results
from xaibench.results.rows import KEY, SHARED_PASS


def test_there_is_a_row_for_every_image_class_explainer_and_metric(tmp_path):
    results = toy_run(tmp_path)
    rows = results.scores
    assert set(rows["explainer"]) == {*toys.GOOD, "control"}
    labels = {(e.id, e.target) for e in toys.generated()}
    for _, found in rows[rows["metric"] == "pointing-game"].groupby("explainer"):
        assert set(zip(found["image"], found["target"], strict=True)) == labels
    for _, found in rows[rows["metric"] == "deletion-28"].groupby("explainer"):
        assert sorted(found["image"]) == [f"image-{i}" for i in range(6)]
        assert (found["target"] == found["predicted"]).all()
    assert not rows.duplicated(list(KEY)).any()


def test_a_row_carries_what_is_needed_to_make_it_again(tmp_path):
    rows = toy_run(tmp_path, seed=3).scores
    row = rows[(rows["metric"] == "deletion-28") & (rows["explainer"] == "gradient")].iloc[0]
    assert len(row["weights_sha"]) == 64
    assert (row["layer"], row["grid"], row["seed"]) == ("2", "8x8", 3)
    assert row["layout"] == "channels first"
    assert json.loads(row["metric_params"]) == {"steps": 28}
    assert (row["metric_version"], row["explainer_version"]) == (1, 1)
    assert 0 < row["probability"] <= 1
    assert len(row["image_sha"]) == 16


def test_what_cannot_be_scored_is_undefined_with_its_reason(tmp_path):
    rows = toy_run(tmp_path).scores
    pointing = rows[(rows["metric"] == "pointing-game") & (rows["image"] == "image-2")]
    assert set(pointing["status"]) == {"undefined"}
    assert set(pointing["reason"]) == {"no box or mask of the target class"}
    assert pointing["score"].isna().all()


def test_flat_maps_are_flagged_and_scored(tmp_path):
    rows = toy_run(tmp_path).scores
    constant = rows[(rows["explainer"] == "constant") & (rows["status"] == "ok")]
    assert constant["degenerate"].all()
    assert constant["score"].notna().all()
    assert (constant.loc[constant["metric"] == "pointing-game", "score"] == 0).all()


@pytest.mark.parametrize(
    ("explainer", "status", "reason"),
    [
        ("raising", "failed", "ZeroDivisionError: nothing to divide by"),
        ("inapplicable", "unsupported", "it needs a network with wheels"),
        ("wrong_shape", "failed", "PluginError: explainer 'wrong_shape' returned ("),
        ("no_tensor", "failed", "PluginError: explainer 'no_tensor' returned list"),
    ],
)
def test_a_bad_explainer_is_named_and_leaves_the_rest(tmp_path, explainer, status, reason):
    rows = toy_run(tmp_path, explainer, *toys.GOOD).scores
    bad = rows["explainer"] == explainer
    assert set(rows.loc[bad, "status"]) == {status}
    assert rows.loc[bad, "reason"].str.startswith(reason).all()
    assert rows.loc[bad, "score"].isna().all()
    alone = toy_run(tmp_path / "alone", *toys.GOOD).scores
    pd.testing.assert_frame_equal(comparable(rows[~bad]), comparable(alone))


def test_a_nan_map_fails_for_its_image_alone(tmp_path):
    rows = toy_run(tmp_path, "nan_on_one", "activation").scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"image-3"}
    assert failed["reason"].str.contains("'nan_on_one' returned a map with NaN or infinity").all()
    fine = rows[(rows["explainer"] == "nan_on_one") & (rows["image"] != "image-3")]
    same = rows[(rows["explainer"] == "activation") & (rows["image"] != "image-3")]
    np.testing.assert_array_equal(fine["score"], same["score"])


def test_an_unreadable_image_is_named_and_leaves_the_rest(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(3):
        toys.picture(i).save(data / f"{i}.png")
    (data / "1.png").write_bytes(b"no picture")
    rows = toy_run(tmp_path / "out", data=f"folder:{data}").scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"1"}
    assert failed["reason"].str.contains("image '1' cannot be read from .*1.png").all()
    assert set(rows.loc[rows["status"] == "ok", "image"]) == {"0", "2"}


def test_an_image_with_a_mask_of_another_size_is_named_and_leaves_the_rest(tmp_path):
    rows = toy_run(tmp_path, data="ill_masked").scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"image-1"}
    assert failed["reason"].str.contains("mask of image 'image-1', class 0, is").all()
    assert set(rows.loc[rows["status"] == "ok", "image"]) == {"image-0", "image-2"}


def test_images_that_the_machine_fails_on_are_named_and_tried_again(tmp_path, monkeypatch):
    expected = toy_run(tmp_path / "whole", images_per_shard=2).rows
    calls = iter(range(100))

    def sometimes(*arguments):
        if next(calls) == 1:
            raise RuntimeError("the device went away at the second shard")
        return batch_of(*arguments)

    monkeypatch.setattr("xaibench.engine.work.shared_pass.batch_of", sometimes)
    rows = toy_run(tmp_path / "run", images_per_shard=2).scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"image-2", "image-3"}
    assert set(failed["reason"]) == {"RuntimeError: the device went away at the second shard"}
    counting = Counting()
    again = toy_run(tmp_path / "run", images_per_shard=2, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (4, 2)
    pd.testing.assert_frame_equal(comparable(again), comparable(expected))


def test_a_model_that_cannot_be_loaded_leaves_the_other(tmp_path):
    rows = toy_run(tmp_path, models=("none", "toy")).scores
    failed = rows[rows["model"] == "none"]
    assert set(failed["status"]) == {"failed"}
    assert set(failed["reason"]) == {"OSError: the weights are on the other machine"}
    assert (rows.loc[rows["model"] == "toy", "status"] == "ok").any()


def test_a_model_of_other_classes_is_unsupported(tmp_path):
    rows = toy_run(tmp_path, models=("other",)).scores
    assert set(rows["status"]) == {"unsupported"}
    assert rows["reason"].iloc[0] == (
        "model 'other' knows the classes of 'animals', and data set 'generated' asks for those of 'toys'"
    )


def test_unknown_names_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(UnknownName, match="no model called 'toi'; did you mean 'toy'"):
        toy_run(tmp_path / "out", models=("toi",))
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_refused_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"output folder .* cannot be written to.*--output"):
        toy_run(tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("folder", r"needs its folder: --data folder:PATH"),
        ("folder:/no/such/place", r"there is no /no/such/place"),
        ("generated:/tmp", r"is built in and takes no path"),
    ],
)
def test_a_data_sets_path_is_checked_at_once(tmp_path, data, message):
    with pytest.raises(ConfigError, match=message):
        toy_run(tmp_path, data=data)


def test_rows_do_not_depend_on_shards_or_pass_width(tmp_path):
    whole = toy_run(tmp_path / "a", images_per_shard=6, width=64).scores
    parts = toy_run(tmp_path / "b", images_per_shard=1, width=3).scores
    found, expected = (
        comparable(parts, "score", "probability"),
        comparable(whole, "score", "probability"),
    )
    pd.testing.assert_frame_equal(found, expected)
    for column in ("score", "probability"):
        np.testing.assert_allclose(
            comparable(parts)[column], comparable(whole)[column], rtol=1e-4, atol=1e-6
        )


class Killed(Observer):
    """Kills the run at the second image's scoring."""

    def __init__(self, after: int) -> None:
        self.left = after

    def stage(self, name: str) -> None:
        if name == "scoring":
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_killed_run_goes_on_without_a_lost_or_doubled_row(tmp_path, after):
    expected = toy_run(tmp_path / "whole", images_per_shard=2).rows
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path / "run", images_per_shard=2, observer=Killed(after))
    assert not (tmp_path / "run" / "manifest.json").exists()
    counting = Counting()
    found = toy_run(tmp_path / "run", images_per_shard=2, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (2 * after, 6 - 2 * after)
    pd.testing.assert_frame_equal(comparable(found), comparable(expected))


def test_the_same_run_again_does_nothing(tmp_path):
    first = toy_run(tmp_path).rows
    counting = Counting()
    second = toy_run(tmp_path, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (6, 0)
    pd.testing.assert_frame_equal(first, second)


def test_a_folder_that_a_former_version_wrote_is_resumed(tmp_path):
    first = toy_run(tmp_path, images_per_shard=2).rows
    settings = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(settings.replace("images_per_shard = 2", "shard = 2"))
    assert "\nshard = 2" in (tmp_path / "config.toml").read_text()
    counting = Counting()
    second = toy_run(tmp_path, images_per_shard=2, observer=counting).rows
    assert (counting.resumed, counting.fresh) == (6, 0)
    pd.testing.assert_frame_equal(first, second)


def test_another_run_into_the_same_folder_is_refused(tmp_path):
    toy_run(tmp_path)
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        toy_run(tmp_path, seed=1)
    (tmp_path / "mine.txt").write_text("not a run's")
    found = {"explainers": ("activation",), "metrics": ("deletion-28",)}
    config = settle(None, ("toy",), ("generated",), **found, seed=1)
    registry = toys.registry(metrics=("deletion-28",))
    results = run(config, tmp_path, overwrite=True, registry=registry)
    assert set(results.scores["seed"]) == {1}
    assert (tmp_path / "mine.txt").exists()


def foretell(folder):
    """The plan of the toys' run into the folder."""
    found = {"explainers": ("activation",), "metrics": ("deletion-28",)}
    registry = toys.registry(metrics=("deletion-28",))
    forecast(settle(None, ("toy",), ("generated",), **found), registry, output=folder)


@pytest.mark.parametrize("settings", [b"\xff\xfe", b"seed = [", b"seed = 'one'"])
@pytest.mark.parametrize("ask", [toy_run, foretell])
def test_damaged_settings_of_a_folder_are_named_and_nothing_is_lost(settings, ask, tmp_path):
    expected = toy_run(tmp_path).rows
    (tmp_path / "config.toml").write_bytes(settings)
    with pytest.raises(ConfigError, match=r"config\.toml.*Choose another --output, or --overwrite"):
        ask(tmp_path)
    assert (tmp_path / "manifest.json").exists()
    left = Results.load(tmp_path)
    pd.testing.assert_frame_equal(left.rows, expected)
    write_report(left)


def test_a_shard_of_older_versions_is_replaced(tmp_path):
    toy_run(tmp_path)
    newer = toys.registry()
    newer.explainers["gradient"] = replace(newer.explainers["gradient"], version=2)
    rows = toy_run(tmp_path, registry=newer).scores
    assert set(rows.loc[rows["explainer"] == "gradient", "explainer_version"]) == {2}


def test_the_manifest_names_the_null_explainers_that_others_are_compared_with(tmp_path):
    results = toy_run(tmp_path, "gradient", "activation")
    assert results.manifest["controls"] == ["control"]
    told = results.differences()
    assert set(told.loc[told["against"] == "control", "reference"]) == {"control"}


def test_forwards_are_counted(tmp_path):
    results = toy_run(tmp_path, "asking", "activation")
    rows, manifest = results.rows, results.manifest
    trials = len({*zip(rows["image"], rows["target"], strict=True)} - {("image", -1)})
    asked = rows[rows["explainer"] == "asking"].drop_duplicates(["image", "target"])
    assert set(asked["explain_forwards"]) == {4.0}
    assert manifest["forwards"]["shared pass"] == 6
    assert manifest["forwards"]["explainers"] == 4 * len(asked) <= 4 * trials
    scored = rows[rows["metric"] == "deletion-28"]
    assert scored["metric_forwards"].sum() == pytest.approx(manifest["forwards"]["metrics"])
    steps = int(np.ceil(256 / np.ceil(256 / 28)))
    assert manifest["forwards"]["metrics"] == 6 * (3 * (steps - 1) + 1)  # the grey end once an image
    shared = rows[rows["explainer"] == SHARED_PASS]
    assert len(shared) == 6
    assert (shared["explain_ms"] > 0).all()


@pytest.fixture(scope="module")
def with_ours(tmp_path_factory) -> Results:
    """A run of explainers with passes of their own, a remark, and a need of the data."""
    names = ("saliency", "input-x-gradient", "integrated-gradients", "ground-truth")
    registry = toys.registry("activation")
    ours = registry.explainers | {name: installed().explainers[name] for name in names}
    return toy_run(tmp_path_factory.mktemp("ours"), registry=replace(registry, explainers=ours))


def test_passes_down_to_the_pixels_are_counted_where_they_are_made(with_ours):
    rows, manifest = with_ours.rows, with_ours.manifest
    shared = rows[rows["explainer"] == SHARED_PASS]
    once = rows[rows["metric"] == "deletion-28"].groupby("explainer")
    assert shared["explain_forwards"].sum() == pytest.approx(manifest["forwards"]["shared pass"])
    assert (shared["explain_forwards"] > 1).all()  # saliency's and input times gradient's, once
    trials = with_ours.scores.drop_duplicates(["image", "target"])
    assert manifest["forwards"]["shared pass"] == 6 + len(trials)
    assert set(once.get_group("saliency")["explain_forwards"]) == {0}
    assert set(once.get_group("input-x-gradient")["explain_forwards"]) == {0}
    integrated = once.get_group("integrated-gradients")
    assert (integrated["explain_forwards"] > 50).all()  # the steps, and the mean colour once an image
    assert (integrated["explain_backwards"] > 1).all()
    assert (integrated["explain_ms"] > 0).all()
    assert manifest["backwards"] > 0


def test_what_an_explainer_remarks_stands_in_its_rows_alone(with_ours):
    rows = with_ours.scores
    remarked = rows["reason"].str.contains("off the logit's difference")
    assert set(rows[remarked]["explainer"]) == {"integrated-gradients"}
    assert set(rows[remarked]["status"]) == {"ok"}
    ok = rows[(rows["explainer"] == "integrated-gradients") & (rows["status"] == "ok")]
    assert ok["reason"].str.match(r"\d+ steps; ").all()


def test_ground_truth_is_undefined_where_the_class_asked_about_is_not_annotated(with_ours):
    rows = with_ours.scores[with_ours.scores["explainer"] == "ground-truth"]
    labels = {(example.id, example.target) for example in toys.generated() if example.boxes}
    for _, row in rows.iterrows():
        known = (row["image"], row["target"]) in labels
        assert row["status"] == ("ok" if known else "undefined"), row
    pointing = rows[(rows["metric"] == "pointing-game") & (rows["status"] == "ok")]
    assert (pointing["score"] == 1).all()
    assert set(rows["status"]) == {"ok", "undefined"}


def test_the_manifest_says_how_to_make_the_run_again(tmp_path):
    manifest = toy_run(tmp_path / "one").manifest
    assert manifest["complete"]
    assert manifest["packages"]["torch"]
    assert manifest["models"]["toy"]["layer"] == "2"
    assert manifest["models"]["toy"]["batch_norms_folded"] == 1
    data = manifest["data"]["generated"]
    assert (data["examples"], data["images"]) == (7, 6)
    assert data["content_sha"] == toy_run(tmp_path / "two").manifest["data"]["generated"]["content_sha"]
    fewer = toy_run(tmp_path / "three", limit=4).manifest["data"]["generated"]
    assert fewer["content_sha"] != data["content_sha"]
    deletion = manifest["metrics"][0]
    assert (deletion["name"], deletion["version"]) == ("deletion-28", 1)
    assert "grey" in deletion["convention"]["to"]
    assert {"all", "shared pass", "explainers", "metrics"} <= set(manifest["seconds"])


def test_the_written_config_makes_the_same_run(tmp_path):
    first = toy_run(tmp_path / "a", seed=5)
    config = settle(tmp_path / "a" / "config.toml")
    again = run(config, tmp_path / "b", registry=toys.registry())
    pd.testing.assert_frame_equal(comparable(first.rows), comparable(again.rows))


def test_maps_are_kept_for_the_gallery(tmp_path):
    toy_run(tmp_path, gallery=2, images_per_shard=1)
    assert len(list((tmp_path / "maps").glob("*.safetensors"))) == 2
    assert (tmp_path / "gallery.png").read_bytes().startswith(b"\x89PNG")


def test_a_kept_map_says_which_rows_are_its(tmp_path):
    results = toy_run(tmp_path, gallery=3)
    asked = set(zip(results.scores["image"], results.scores["target"], strict=True))
    for path in (tmp_path / "maps").glob("*.safetensors"):
        facts = kept_facts(path)
        assert (facts.image, facts.target_index) in asked


def test_a_run_writes_its_report_and_beginning_anew_removes_it(tmp_path):
    toy_run(tmp_path, gallery=1)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"1 image with {len(toys.GOOD) + 1} maps" in page
    assert "Unfinished" not in page
    RunFolder(tmp_path).clear()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_loaded_results_are_those_that_were_returned(tmp_path):
    results = toy_run(tmp_path)
    loaded = Results.load(tmp_path)
    pd.testing.assert_frame_equal(results.rows, loaded.rows)
    assert loaded.manifest == results.manifest


def read_subset_of(path):
    return json.loads((path / "subset-generated.json").read_text())


@pytest.mark.parametrize("chosen", [{"limit": 3}, {"sample": 3, "seed": 4}, {"classes": ("0", "2")}, {}])
def test_what_was_run_can_be_handed_on_and_runs_exactly_the_same(tmp_path, chosen):
    first = toy_run(tmp_path / "a", **chosen)
    seed = chosen.get("seed", 0)
    again = toy_run(tmp_path / "b", subset=(str(tmp_path / "a" / "subset-generated.json"),), seed=seed)
    pd.testing.assert_frame_equal(comparable(first.rows), comparable(again.rows))
    said, repeated = read_subset_of(tmp_path / "a"), read_subset_of(tmp_path / "b")
    assert said == repeated
    assert said["data"] == "generated"
    of_rows = dict(zip(first.rows["image"], first.rows["image_sha"], strict=True))
    assert {image["id"]: image["sha"] for image in said["images"]} == of_rows
    assert all(len(sha) == 16 for sha in of_rows.values())


def test_a_limit_is_the_first_examples_as_ever(tmp_path):
    toy_run(tmp_path, limit=3)
    said = [(image["id"], image["targets"]) for image in read_subset_of(tmp_path)["images"]]
    assert said == [("image-0", [0]), ("image-1", [1, 2])]
    assert read_subset_of(tmp_path)["chosen"] == "limit 3"


def test_a_sample_is_of_whole_images(tmp_path):
    said = toy_run(tmp_path, sample=4).manifest["data"]["generated"]
    assert said["images"] == 4
    assert said["chosen"] == "sample 4; seed 0"


def photos_in(data, names):
    data.mkdir()
    for i, name in enumerate(names):
        toys.picture(i).save(data / f"{name}.png")


def test_an_image_that_is_not_the_subsets_fails_by_name_and_leaves_the_rest(tmp_path):
    photos_in(tmp_path / "data", "abc")
    toy_run(tmp_path / "a", data=f"folder:{tmp_path / 'data'}")
    toys.picture(99).save(tmp_path / "data" / "b.png")
    file = str(tmp_path / "a" / "subset-folder.json")
    rows = toy_run(tmp_path / "b", data=f"folder:{tmp_path / 'data'}", subset=(file,)).scores
    failed = rows[rows["status"] == "failed"]
    assert set(failed["image"]) == {"b"}
    assert failed["reason"].str.contains("image 'b' has the hash .*, and .* in the subset").all()
    assert set(rows.loc[rows["status"] == "ok", "image"]) == {"a", "c"}
    assert (tmp_path / "b" / "subset-folder.json").read_text() == Path(file).read_text()


def test_an_image_that_was_unreadable_is_not_run_where_it_can_be_read(tmp_path):
    photos_in(tmp_path / "data", "ab")
    (tmp_path / "data" / "b.png").write_bytes(b"no picture")
    toy_run(tmp_path / "a", data=f"folder:{tmp_path / 'data'}")
    toys.picture(1).save(tmp_path / "data" / "b.png")
    file = str(tmp_path / "a" / "subset-folder.json")
    rows = toy_run(tmp_path / "b", data=f"folder:{tmp_path / 'data'}", subset=(file,)).scores
    reasons = set(rows.loc[rows["status"] == "failed", "reason"])
    assert len(reasons) == 1
    assert "image 'b' could not be read where the subset was made" in reasons.pop()


def test_a_subset_with_an_image_that_is_not_there_fails_by_name(tmp_path):
    photos_in(tmp_path / "data", "ab")
    toy_run(tmp_path / "a", data=f"folder:{tmp_path / 'data'}")
    (tmp_path / "data" / "b.png").unlink()
    file = str(tmp_path / "a" / "subset-folder.json")
    rows = toy_run(tmp_path / "b", data=f"folder:{tmp_path / 'data'}", subset=(file,)).scores
    assert set(rows["status"]) == {"failed"}
    assert rows["reason"].str.contains("names what is not here: image 'b'").all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"limit": 2, "sample": 2}, "limit and sample are both there"),
        ({"classes": ("0",), "subset": ("x.json",)}, "subset says which images"),
        ({"subset": ("x.json",)}, "subset x.json cannot be read"),
        ({"sample": 0}, "sample is 0; it must be at least 1"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        toy_run(tmp_path, **settings)


def test_a_sample_said_by_hand_replaces_the_limits_of_the_file():
    assert settle(sample=5).facts()["sample"] == 5
    assert all(grid.limit is None for grid in settle(sample=5).grid)
    assert any(grid.limit for grid in settle(classes=("0",)).grid)


def test_settings_without_a_choice_are_those_of_before():
    assert not {"sample", "classes", "subset"} & settle().facts().keys()


def test_begun_anew_a_run_leaves_no_subset_of_another(tmp_path):
    photos_in(tmp_path / "data", "a")
    toy_run(tmp_path / "run", data=f"folder:{tmp_path / 'data'}")
    config = settle(None, ("toy",), ("generated",), metrics=("deletion-28",), explainers=("constant",))
    run(config, tmp_path / "run", overwrite=True, registry=toys.registry())
    assert [file.name for file in (tmp_path / "run").glob("subset-*")] == ["subset-generated.json"]


def test_models_of_one_input_size_have_an_image_decoded_once(tmp_path, monkeypatch):
    opened = []
    generated = toys.generated

    def counted(root=None):
        def count(example):
            return replace(example, image=lambda: (opened.append(example.id), example.image())[1])

        return [count(example) for example in generated()]

    monkeypatch.setattr(toys, "generated", counted)
    found = toys.registry()
    same, apart = replace(found.models["toy"], name="same"), replace(found.models["toy"], name="apart")
    found = replace(found, models={**found.models, "same": same, "apart": apart})
    three = toy_run(tmp_path / "three", models=("toy", "same", "apart"), registry=found).rows
    assert sorted(opened) == [f"image-{i}" for i in range(6)]
    alone = toy_run(tmp_path / "alone", models=("apart",), registry=found).rows
    assert len(opened) == 12
    ours = three[three["model"] == "apart"]
    pd.testing.assert_frame_equal(comparable(ours), comparable(alone))


def test_looking_ahead_changes_no_row(tmp_path, monkeypatch):
    first = toy_run(tmp_path / "ahead", images_per_shard=2).rows
    one_by_one = lambda ahead, shard, following: [ahead.make(item) for item in shard]  # noqa: E731
    monkeypatch.setattr("xaibench.engine.images.prefetch.Prefetcher.take", one_by_one)
    pd.testing.assert_frame_equal(
        comparable(first), comparable(toy_run(tmp_path / "not", images_per_shard=2).rows)
    )
