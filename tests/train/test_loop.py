import json
from dataclasses import replace
from itertools import pairwise
from math import log

import fruit
import msgspec
import pytest
import torch

from xaibench.api import ConfigError, PluginError
from xaibench.train.checkpoint import checkpoint, read_facts, read_tensors
from xaibench.train.loop import assess, augmented, over, pace, train
from xaibench.train.recipe import Epoch, Recipe, TrainingObserver
from xaibench.train.splits import split

RECIPE = Recipe(
    architecture="small-resnet:cbam", data="fruit", size=fruit.SIDE, epochs=3, batch=8, rate=3e-3
)


class Killed(TrainingObserver):
    """Raises after an epoch, as a kill between two would."""

    def __init__(self, after):
        self.after = after

    def epoch(self, epoch):
        if epoch.number == self.after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def samples():
    return fruit.samples()


@pytest.fixture(scope="module")
def trained(samples, tmp_path_factory):
    """A folder, and what it holds."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    return folder, teach(folder, samples)


def teach(folder, samples, recipe=RECIPE, observer=None):
    return train(
        recipe, folder, samples, split(samples.targets, 0.2), fruit.COLOURS, "fruit-3", observer
    )


def numbers(facts):
    return [msgspec.structs.replace(epoch, seconds=0) for epoch in facts.history], facts.best


def weights(folder):
    return read_tensors(folder, read_facts(folder))


def test_it_learns(trained, samples):
    folder, facts = trained
    assert facts.accuracy > 0.9
    assert facts.history[-1].loss < facts.history[0].loss / 2
    loss, right = assess(checkpoint(str(folder)).network, samples, torch.arange(60))
    assert right.float().mean() > 0.9
    assert loss < log(3)  # of one who knows nothing


def test_the_best_epochs_accuracy_is_that_of_the_checkpoint(trained, samples):
    folder, facts = trained
    held_out = split(samples.targets, 0.2).held_out
    _, right = assess(checkpoint(str(folder)).network, samples, held_out)
    assert (
        right.float().mean().item() == facts.accuracy == facts.history[facts.best - 1].held_out_accuracy
    )


def test_twice_gives_the_same_numbers_and_another_seed_others(trained, samples, tmp_path):
    folder, facts = trained
    again = teach(tmp_path / "again", samples)
    assert numbers(again) == numbers(facts)
    first, second = weights(folder), weights(tmp_path / "again")
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = teach(tmp_path / "other", samples, msgspec.structs.replace(RECIPE, seed=1, epochs=1))
    assert other.history[0].loss != facts.history[0].loss


@pytest.mark.parametrize("after", [1, 2, 3])
def test_killed_between_epochs_and_called_again_is_as_if_unbroken(trained, samples, tmp_path, after):
    folder, facts = trained
    with pytest.raises(KeyboardInterrupt):
        teach(tmp_path, samples, observer=Killed(after))
    broken = read_facts(tmp_path)
    assert len(broken.history) == after
    assert not broken.complete
    assert checkpoint(str(tmp_path)).network(torch.zeros(1, 3, 16, 16)).shape == (1, 3)
    torch.manual_seed(after)  # whatever else has been drawn meanwhile
    assert numbers(teach(tmp_path, samples)) == numbers(facts)
    whole, resumed = weights(folder), weights(tmp_path)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.json", "weights.safetensors"}


def test_what_was_killed_while_it_wrote_is_not_seen(trained, samples, tmp_path):
    """The tensors of an epoch whose JSON was never written, and a half-written one."""
    with pytest.raises(KeyboardInterrupt):
        teach(tmp_path, samples, observer=Killed(1))
    (tmp_path / "epoch-0002.safetensors").write_bytes(b"half")
    (tmp_path / ".checkpoint.json.part").write_text("{")
    assert numbers(teach(tmp_path, samples)) == numbers(trained[1])


def test_it_leaves_everybodys_random_numbers_and_the_networks_mode_as_they_were(samples, tmp_path):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    teach(tmp_path, samples, msgspec.structs.replace(RECIPE, epochs=1))
    assert torch.equal(torch.random.get_rng_state(), before)


def epochs(*accuracies):
    return tuple(
        Epoch(number=i, loss=0, accuracy=0, held_out_loss=0, held_out_accuracy=a, seconds=0)
        for i, a in enumerate(accuracies, 1)
    )


def test_it_stops_early_once_its_patience_is_over(trained):
    recipe = msgspec.structs.replace(RECIPE, epochs=10, patience=2)
    facts = msgspec.structs.replace(trained[1], recipe=recipe, complete=False)
    assert not over(msgspec.structs.replace(facts, history=()))
    assert not over(msgspec.structs.replace(facts, history=epochs(0.5, 0.4), best=1))
    assert over(msgspec.structs.replace(facts, history=epochs(0.5, 0.4, 0.5), best=1))
    assert over(msgspec.structs.replace(facts, history=epochs(*range(10)), best=10))


def test_a_training_that_cannot_get_better_ends_before_its_last_epoch(samples, tmp_path):
    recipe = msgspec.structs.replace(RECIPE, epochs=9, patience=1, rate=1e-12)
    facts = teach(tmp_path, samples, recipe)
    assert len(facts.history) < 9
    assert facts.complete
    assert facts.best == len(facts.history) - 1


def test_the_learning_rate_rises_for_a_tenth_and_falls_to_nothing():
    rates = [pace(step, 100) for step in range(100)]
    assert max(range(100), key=rates.__getitem__) == 9
    assert rates[0] == pytest.approx(0.1)
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] < 0.001
    assert all(b < a for a, b in pairwise(rates[10:]))


def test_mirrored_and_recoloured_images_are_the_same_images():
    images = torch.rand(40, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(augmented(images, ()), images)
    mirrored = augmented(images, ("mirror",))
    kinds = [
        (torch.equal(new, old), torch.equal(new, old.flip(2)))
        for new, old in zip(mirrored, images, strict=True)
    ]
    assert set(kinds) == {(True, False), (False, True)}
    recoloured = augmented(images, ("recolour",))
    torch.testing.assert_close(recoloured.sort(1).values, images.sort(1).values)
    assert not torch.equal(recoloured, images)


def test_another_recipe_in_the_same_folder_is_refused_and_can_overwrite(trained, samples, tmp_path):
    first = msgspec.structs.replace(RECIPE, epochs=1)
    teach(tmp_path, samples, first)
    other = msgspec.structs.replace(first, seed=4)
    with pytest.raises(
        ConfigError, match=r"holds a training with other settings \(seed 0 rather than 4\)"
    ):
        teach(tmp_path, samples, other)
    rows = split(samples.targets, 0.2)
    train(other, tmp_path, samples, rows, fruit.COLOURS, overwrite=True)
    assert read_facts(tmp_path).recipe == other


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"batch": 1}, "batch is 1"),
        ({"rate": -1.0}, "rate is -1.0"),
        ({"held_out": 1.0}, "held_out is 1.0; it must lie between 0 and 1"),
        ({"augment": ("flip",)}, "no augmentation is called 'flip'; there are mirror, recolour"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_says_why(setting, message):
    with pytest.raises(ConfigError, match=message):
        msgspec.structs.replace(RECIPE, **setting)


def test_a_folder_that_is_no_checkpoint_says_what_it_is(trained, tmp_path):
    with pytest.raises(PluginError, match=r"there is no checkpoint folder .*nowhere; `xaibench train`"):
        checkpoint(str(tmp_path / "nowhere"))
    with pytest.raises(PluginError, match=r"holds no checkpoint.json; `xaibench train` makes one"):
        checkpoint(str(tmp_path))
    with pytest.raises(PluginError, match=r"holds no checkpoint.json; whole inside it do"):
        checkpoint(str(trained[0].parent))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: "{", "is no checkpoint of a training"),
        (
            lambda facts: json.dumps({**facts, "tensors": "../x.safetensors"}),
            "expected a file beside it",
        ),
        (lambda facts: json.dumps({**facts, "tensors": "weights.pt"}), "expected a file beside it"),
        (lambda facts: json.dumps({**facts, "format": 9}), "is of format 9, and this xaibench reads 1"),
        (lambda facts: json.dumps({**facts, "names": ["a"]}), "are not its network's: .*fc.weight"),
        (
            lambda facts: json.dumps({**facts, "tensors": "other.safetensors"}),
            "other.safetensors cannot be read",
        ),
    ],
)
def test_a_damaged_checkpoint_says_where(trained, tmp_path, change, message):
    source, _ = trained
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    facts = json.loads((source / "checkpoint.json").read_text())
    (tmp_path / "checkpoint.json").write_text(change(facts))
    with pytest.raises(PluginError, match=message):
        checkpoint(str(tmp_path))


def test_weights_that_are_no_safetensors_are_not_read(trained, tmp_path):
    source, _ = trained
    (tmp_path / "checkpoint.json").write_bytes((source / "checkpoint.json").read_bytes())
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(PluginError, match=r"weights.safetensors cannot be read: SafetensorError"):
        checkpoint(str(tmp_path))


def test_streamed_images_train_to_the_same_numbers(trained, samples, tmp_path):
    streamed = replace(samples, pixels=None)
    recipe = msgspec.structs.replace(RECIPE, epochs=1, patience=1)
    ours, theirs = (teach(tmp_path / str(i), s, recipe) for i, s in enumerate((samples, streamed)))
    assert numbers(ours) == numbers(theirs)
