import fruit
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xaibench.api import ConfigError, DataError
from xaibench.api.batch import Example
from xaibench.api.specs import Dataset
from xaibench.engine.discovery.registry import installed
from xaibench.train.recipe import Recipe, TrainingObserver
from xaibench.train.samples import class_names, samples_of, source_of
from xaibench.train.splits import folds_of, split


@pytest.mark.parametrize("size", [16, 12])
@pytest.mark.parametrize("memory", [10**9, 0])
def test_a_batch_is_what_the_preprocessing_of_a_run_makes(size, memory):
    samples = samples_of(fruit.examples(9), size, memory=memory)
    assert (samples.pixels is None) == (memory == 0)
    images, targets = samples.batch(torch.tensor([4, 1]))
    expected = [samples.preprocess.image(fruit.picture(i)) for i in (4, 1)]
    assert torch.equal(images, torch.stack(expected))
    assert targets.tolist() == [1, 1]


def test_of_an_image_with_several_classes_the_first_is_trained_on():
    class Notes(TrainingObserver):
        said = ""

        def note(self, text):
            self.said = text

    notes = Notes()
    pairs = [("a", 2), ("b", 0), ("a", 1)]
    several = [Example(name, lambda: fruit.picture(0), target) for name, target in pairs]
    found = samples_of(several, 16, notes)
    assert [example.id for example in found.examples] == ["a", "b"]
    assert found.targets.tolist() == [2, 0]
    assert "several classes" in notes.said


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"'broken' cannot be read from .*x.png"):
        samples_of([Example("broken", tmp_path / "x.png", 0)], 16)
    with pytest.raises(DataError, match="no examples"):
        samples_of([], 16)
    with pytest.raises(DataError, match="below 0"):
        samples_of([Example("a", lambda: fruit.picture(0), -1)], 16)


@pytest.mark.parametrize(
    ("space", "count"), [("", 3), ("cifar-10", 10), ("imagenet-1k", 1000), ("few-2", 3), ("animals", 3)]
)
def test_classes_are_as_many_as_the_label_space_says(space, count):
    dataset = Dataset(name="fruit", at="fruit:fruit", classes=space)
    names = class_names(dataset, fruit.examples(6))
    assert len(names) == count
    assert names[:4] == ("red", "green", "blue", "class 3")[: min(4, count)]


def recipe(**settings):
    return Recipe(architecture="small-resnet", data="scenes-large", **settings)


def test_scenes_to_train_on_are_none_that_a_run_evaluates():
    found = source_of(recipe(limit=30), installed())
    assert len(found.examples) == 30
    assert len(found.unseen) == 1000
    ids = {example.id for example in found.unseen}
    assert not ids & {example.id for example in found.examples}
    own = installed().dataset("scenes-large").load()()
    assert [example.id for example in own] == [example.id for example in found.unseen]


def test_the_same_seed_as_a_runs_leaves_nothing_unseen():
    assert source_of(recipe(settings={"seed": 0}), installed()).unseen is None
    given = source_of(recipe(settings={"count": 7}), installed())
    assert len(given.examples) == len(given.unseen) == 7


def test_a_setting_that_the_data_set_does_not_take_is_an_error():
    with pytest.raises(ConfigError, match="settings of 'scenes-large'"):
        source_of(recipe(settings={"colour": 1}), installed())


targets_of_some = st.lists(st.integers(0, 4), min_size=2, max_size=60)


@given(targets_of_some, st.floats(0.05, 0.95))
def test_a_split_has_every_row_once_and_each_class_in_proportion(targets, share):
    targets = torch.tensor(targets)
    if int(targets.unique(return_counts=True)[1].max()) < 2:
        with pytest.raises(ConfigError, match="too few to hold some out"):
            split(targets, share)
        return
    found = split(targets, share)
    assert sorted([*found.train.tolist(), *found.held_out.tolist()]) == list(range(len(targets)))
    for target, count in zip(*targets.unique(return_counts=True), strict=True):
        held = int((targets[found.held_out] == target).sum())
        assert abs(held - share * int(count)) <= 1
        assert held < count
        assert held >= (count > 1)


def test_a_split_of_some_rows_stays_among_them():
    targets = torch.arange(40) % 4
    rows = torch.arange(0, 40, 3)
    found = split(targets, 0.3, rows)
    assert sorted([*found.train.tolist(), *found.held_out.tolist()]) == rows.tolist()
    again = split(targets, 0.3, rows)
    assert torch.equal(found.train, again.train)


def test_each_row_is_held_out_by_one_fold_and_classes_are_spread_evenly():
    targets = torch.tensor([0] * 12 + [1] * 6)
    folds = folds_of(targets, 3, seed=0)
    assert sorted(row for fold in folds for row in fold.held_out.tolist()) == list(range(18))
    for fold in folds:
        assert not set(fold.train.tolist()) & set(fold.held_out.tolist())
        assert targets[fold.held_out].bincount().tolist() == [4, 2]


def test_folds_that_cannot_be_made_say_why():
    with pytest.raises(ConfigError, match="folds is 1; it must be at least 2"):
        folds_of(torch.zeros(4, dtype=torch.long), 1, 0)
    with pytest.raises(ConfigError, match="class 1 has 2 images; 3 folds need 3 of each class"):
        folds_of(torch.tensor([0, 0, 0, 1, 1]), 3, 0)
