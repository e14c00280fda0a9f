from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from xaibench.api import ConfigError
from xaibench.engine.discovery.registry import installed
from xaibench.train import attention_study as study
from xaibench.train.checkpoint import read_facts
from xaibench.train.study import carry_out
from xaibench.train.trainings_compared import clustered, differences_of

QUICK = {"pointing-game-on-object", "energy-pointing-game"}


def made(registry):
    found = study.design((), seeds=2, epochs=1, count=40, images=2, registry=registry, size=32)
    recipe = msgspec.structs.replace(found.recipe, held_out=0.3, batch=8)
    return replace(found, recipe=recipe, metrics=tuple(m for m in found.metrics if m in QUICK))


@pytest.fixture(scope="module")
def registry():
    """Few scenes for a run."""
    found = study.with_measures(installed())
    own = found.datasets[study.DATA]
    few = replace(own, settings={**own.settings, "count": 6})
    kept = {name: s for name, s in found.explainers.items() if name in study.EXPLAINERS or s.control}
    return replace(found, datasets={study.DATA: few}, explainers=kept)


@pytest.fixture(scope="module")
def done(registry, tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("study")
    return folder, carry_out(made(registry), folder, registry)


def test_all_arms_are_trained_alike_on_the_same_images_in_the_same_order(done):
    folder, _ = done
    facts = {
        path.name: read_facts(path) for path in folder.iterdir() if (path / "checkpoint.json").exists()
    }
    assert set(facts) == {"plain-0", "plain-1", "cbam-0", "cbam-1", "vit-0"}
    plain, cbam = (facts[name].recipe for name in ("plain-0", "cbam-0"))
    assert cbam == msgspec.structs.replace(plain, architecture="small-resnet:cbam")
    assert {f.images for f in facts.values()} == {facts["plain-0"].images}


def test_every_arm_is_scored_on_the_same_images_that_none_has_seen(done):
    _, found = done
    accuracy = found.scores[found.scores["metric"] == "accuracy"]
    assert accuracy.groupby(["arm", "seed"])["image"].nunique().tolist() == [6] * 5
    assert all(image.startswith("scene-0-") for image in accuracy["image"])
    share = accuracy[(accuracy["arm"] == "cbam") & (accuracy["seed"] == 1)]["score"].mean()
    row = found.trainings[(found.trainings["arm"] == "cbam") & (found.trainings["seed"] == 1)]
    assert row["tested"].item() == pytest.approx(share)
    scored = found.scores[found.scores["metric"] == "energy-pointing-game"]
    pairs = set(scored.dropna()[["arm", "explainer"]].itertuples(index=False, name=None))
    assert {("cbam", "spatial-attention"), ("vit", "raw-attention"), ("plain", "grad-cam")} <= pairs
    assert not {("plain", "spatial-attention"), ("cbam", "raw-attention")} & pairs


def test_differences_are_paired_by_seed_and_image(done):
    _, found = done
    own = found.scores[
        (found.scores["metric"] == "energy-pointing-game") & (found.scores["explainer"] == "grad-cam")
    ].set_index(["seed", "image", "arm"])["score"]
    each = [
        [
            own[seed, image, "cbam"] - own[seed, image, "plain"]
            for image in sorted(set(own.index.levels[1]))
        ]
        for seed in (0, 1)
    ]
    expected = clustered(np.array([[d for d in row if d == d] for row in each]))
    row = found.differences[
        (found.differences["metric"] == "energy-pointing-game") & (found.differences["arm"] == "cbam")
    ].iloc[0]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert row["of arm"] - row["of less"] == pytest.approx(row["mean"])


def test_the_order_of_the_rows_is_nothing_to_the_differences(done):
    _, found = done
    shuffled = found.scores.sample(frac=1, random_state=0)
    given = ("plain", ("grad-cam", ""))
    ours, theirs = (
        differences_of(scores, *given).sort_values(["arm", "explainer", "metric"])
        for scores in (found.scores, shuffled)
    )
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True))


def test_tables_and_figure_are_written(done, registry, tmp_path):
    folder, found = done
    page = study.differences_page(found)
    assert page.count("\n| cbam: ") == page.count("\n| vit: ") == 3
    assert "energy-pointing-game of grad-cam" in page
    assert "| vit | raw-attention |" in study.means_page(found)
    assert "| cbam | `small-resnet:cbam` |" in study.trainings_page(found)
    study.draw_study(tmp_path / "x.png", folder, made(registry), registry, scenes=2)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[0] > 400
    assert (folder / "scores.csv").exists()


def test_the_same_again_trains_nothing_and_another_study_is_refused(done, registry):
    folder, found = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    again = carry_out(made(registry), folder, registry)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == before
    pd.testing.assert_frame_equal(again.differences, found.differences)
    other = made(registry)
    with pytest.raises(ConfigError, match="holds a training with other settings"):
        carry_out(
            replace(other, recipe=msgspec.structs.replace(other.recipe, batch=4)), folder, registry
        )


@pytest.mark.parametrize(
    ("low", "high", "higher", "said"),
    [
        (0.1, 0.2, True, "better"),
        (0.1, 0.2, False, "worse"),
        (-0.2, -0.1, False, "better"),
        (-0.1, 0.1, True, "cannot be told apart"),
        (float("nan"), float("nan"), True, "cannot be told apart"),
    ],
)
def test_only_what_the_interval_allows_is_said(low, high, higher, said):
    assert study.verdict({"low": low, "high": high, "higher_is_better": higher}) == said


@pytest.mark.slow
def test_trainings_beside_each_other_give_the_same_numbers(done, registry, tmp_path):
    _, found = done
    other = carry_out(made(registry), tmp_path, registry, workers=2)
    pd.testing.assert_frame_equal(other.scores, found.scores)
