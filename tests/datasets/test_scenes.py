import numpy as np
import torch
from xaibench_datasets.scenes import CLASSES, SIDE, draw, scenes


def test_a_scene_does_not_depend_on_those_drawn_with_it():
    together = draw(range(8), seed=4)
    for number in (0, 3, 7):
        for whole, alone in zip(together, draw([number], seed=4), strict=True):
            assert torch.equal(whole[number], alone[0])


def test_a_seed_makes_other_scenes():
    first, second = (draw(range(4), seed)[0] for seed in (0, 1))
    assert not torch.equal(first, second)


def test_examples_are_the_drawn_scenes():
    images, targets, masks = draw(range(3), seed=0)
    for i, example in enumerate(scenes(count=3)):
        assert example.target == targets[i]
        assert example.label == CLASSES[example.target]
        np.testing.assert_array_equal(np.asarray(example.open()), images[i].permute(1, 2, 0).numpy())
        np.testing.assert_array_equal(example.mask(), masks[i].numpy())


def test_examples_are_unique_and_show_every_class():
    found = scenes(count=200)
    assert len({example.id for example in found}) == 200
    assert {example.label for example in found} == set(CLASSES)


def test_every_scene_has_its_object_and_not_only_that():
    _, _, masks = draw(range(200), seed=0)
    share = masks.float().mean((1, 2))
    assert share.min() > 20 / SIDE**2
    assert share.max() < 0.3


def test_the_mask_is_where_the_object_was_painted(monkeypatch):
    """Without the object the scene is the same outside of the mask, but for its soft outline."""
    from xaibench_datasets import scenes as module

    images, _, masks = draw(range(20), seed=0)
    real, calls = module.paint, []

    def paint(pixels, *arguments):
        calls.append(None)
        return real(pixels if len(calls) < 5 else pixels.clone(), *arguments)  # the object comes fifth

    monkeypatch.setattr(module, "paint", paint)
    without, _, _ = draw(range(20), seed=0)
    changed = (images != without).any(1)
    grown = torch.nn.functional.max_pool2d(masks[:, None].float(), 5, 1, 2)[:, 0] > 0
    assert not (changed & ~grown).any()
    assert (changed & masks).sum() > 0.97 * masks.sum()


def test_writing_to_a_mask_changes_no_other():
    example = scenes(count=1)[0]
    before = example.mask().copy()
    example.mask()[:] = True
    np.testing.assert_array_equal(example.mask(), before)
