from dataclasses import replace

import fruit
import pandas as pd
import pytest
import torch

from xaibench.api.specs import Dataset
from xaibench.engine.discovery.registry import installed
from xaibench.train.checkpoint import read_facts
from xaibench.train.folds import ACCURACY, cross_validate, table_of
from xaibench.train.recipe import Recipe
from xaibench.train.samples import samples_of, source_of
from xaibench.train.splits import folds_of

RECIPE = Recipe(
    architecture="small-resnet", data="fruit", limit=36, size=fruit.SIDE, epochs=1, batch=8, rate=3e-3
)
REGISTRY = replace(
    installed(),
    datasets={"fruit": Dataset(name="fruit", at="fruit:fruit", classes="fruit-3")},
    explainers={name: installed().explainers[name] for name in ("grad-cam", "random")},
)


def validate(folder):
    source = source_of(RECIPE, REGISTRY)
    samples = samples_of(source.examples, fruit.SIDE)
    given = (folder, source, samples, 3, REGISTRY, ["grad-cam"], ["pointing-game", "deletion-28"], 4)
    return samples, cross_validate(RECIPE, *given)


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("folds")
    return folder, *validate(folder)


def test_each_fold_is_explained_on_images_that_it_was_not_trained_on(validated):
    _, samples, found = validated
    ids = [example.id for example in samples.examples]
    folds = folds_of(samples.targets, 3, RECIPE.seed)
    scores = found.results.scores
    assert set(scores["model"]) == {f"checkpoint:fold-{i}" for i in range(3)}
    assert set(scores["status"]) == {"ok"}
    for number, fold in enumerate(folds):
        own = scores[scores["model"] == f"checkpoint:fold-{number}"]
        assert own["image"].nunique() == 4
        assert set(own["image"]) <= {ids[row] for row in fold.held_out.tolist()}
        assert set(own["dataset"]) == {f"fruit fold-{number}"}


def test_the_table_has_each_folds_accuracy_and_means(validated):
    folder, _, found = validated
    scores, table = found.results.scores, found.table
    assert list(table.columns) == ["fold-0", "fold-1", "fold-2", "mean", "sd", "sd of images"]
    keys = {(e, m) for e in ("grad-cam", "random") for m in ("pointing-game", "deletion-28")}
    assert set(table.index) == keys | {(ACCURACY, "")}
    one = scores[(scores["model"] == "checkpoint:fold-1") & (scores["metric"] == "deletion-28")]
    expected = one[one["explainer"] == "grad-cam"]["score"].mean()
    assert table.loc[("grad-cam", "deletion-28"), "fold-1"] == pytest.approx(expected)
    tested = read_facts(folder / "fold-1").tested
    assert tested == {"fruit fold-1": (table.loc[(ACCURACY, ""), "fold-1"], 12)}


def test_the_same_again_does_nothing_anew_and_says_the_same(validated):
    folder, _, found = validated
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("weights.safetensors")}
    assert len(before) == 3
    pd.testing.assert_frame_equal(validate(folder)[1].table, found.table)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("weights.safetensors")} == before


def test_mean_and_spread_by_hand():
    folds = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([1.0, 1.0, 1.0])}
    row = table_of({("x", "y"): folds}).loc[("x", "y")]
    assert row["a"] == 0.5
    assert row["mean"] == 0.75
    assert row["sd"] == pytest.approx((2 * 0.25**2) ** 0.5)
    assert row["sd of images"] == pytest.approx(((0.5 / 2 + 0) / 2) ** 0.5)
