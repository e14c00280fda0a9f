"""Adaptive insertion and deletion, against all the steps and against loops of their own."""

from itertools import pairwise

import driving
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_runs import toy_run
from xaibench_metrics.faithfulness.adaptive import Curve, deletion_adaptive, insertion_adaptive
from xaibench_metrics.faithfulness.curves import deletion, insertion

from xaibench.api.batch import Batch
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.stream import Stream, Task

PAIRS = [(deletion_adaptive, deletion), (insertion_adaptive, insertion)]
probabilities = st.floats(0, 1, width=32)


def trials(count=3):
    batch = driving.make_batch(24, 20, count)
    return driving.make_maps(batch), batch


def literal_bounds(steps, scores):
    """What the area can be off by, interval by interval: the worst of all curves that are allowed."""
    last, assumed, certain = steps[-1], 0.0, 0.0
    for i, (a, b) in enumerate(pairwise(steps)):
        p, q = scores[i], scores[i + 1]
        line = [p + (q - p) * (k - a) / (b - a) for k in range(a + 1, b)]
        around = scores[max(0, i - 1) : i + 3]
        assumed += max(abs(sum(line) - end * len(line)) for end in (min(around), max(around))) / last
        certain += max(abs(sum(line) - end * len(line)) for end in (0, 1)) / last
    return assumed, certain


@st.composite
def some_of_a_curve(draw):
    whole = draw(st.lists(probabilities, min_size=3, max_size=40))
    last = len(whole) - 1
    inner = draw(st.sets(st.integers(1, last - 1)))
    return whole, sorted({0, last} | inner)


def curve_of(whole, steps):
    return Curve(torch.tensor(steps), torch.tensor([whole[k] for k in steps], dtype=torch.double))


@settings(max_examples=60, deadline=None)
@given(some_of_a_curve())
def test_bounds_are_the_worst_that_the_assumption_allows(given_):
    whole, steps = given_
    curve = curve_of(whole, steps)
    assumed, certain = literal_bounds(steps, curve.scores.tolist())
    assert curve.bounds.sum().item() == pytest.approx(assumed)
    assert curve.certain.item() == pytest.approx(certain)


@settings(max_examples=60, deadline=None)
@given(some_of_a_curve())
def test_a_monotone_curve_keeps_the_bound_and_any_curve_the_certain_one(given_):
    whole, steps = given_
    for scores, bound in (
        (sorted(whole), "bounds"),
        (sorted(whole)[::-1], "bounds"),
        (whole, "certain"),
    ):
        every = torch.tensor(scores, dtype=torch.double)
        curve = curve_of(scores, steps)
        truth = torch.trapezoid(every, dx=1 / (len(every) - 1))
        assert abs(truth - curve.area) <= getattr(curve, bound).sum() + 1e-12


@settings(max_examples=60, deadline=None)
@given(some_of_a_curve(), st.floats(0, 0.2))
def test_it_asks_for_steps_until_the_bound_is_kept(given_, tolerance):
    whole, steps = given_
    curve, rounds = curve_of(whole, steps), 0
    while len(more := curve.next_steps(tolerance)):
        assert not set(more.tolist()) & set(curve.steps.tolist())
        assert curve.bounds.sum() > tolerance
        curve = curve.joined(more, torch.tensor([whole[k] for k in more.tolist()], dtype=torch.double))
        rounds += 1
        assert rounds <= len(whole)
    assert curve.bounds.sum() <= tolerance
    assert curve.scores.tolist() == [whole[k] for k in curve.steps.tolist()]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_without_tolerance_it_is_the_whole_protocol(ours, theirs):
    maps, batch = trials()
    found = driving.run(ours, maps, batch, width=64, tolerance=0.0)
    whole = driving.run(theirs, maps, batch, width=64)
    torch.testing.assert_close(found.scores, whole.scores)
    torch.testing.assert_close(found.curves, whole.curves)
    assert all(
        said.startswith("225 of 225") or "off the area of all by 0.0000" in said
        for said in found.remarks.values()
    )


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("tolerance", [0.002, 0.01, 0.05])
def test_its_steps_are_steps_of_the_whole_and_the_error_is_within_what_is_said(ours, theirs, tolerance):
    maps, batch = trials()
    found = driving.run(ours, maps, batch, width=64, tolerance=tolerance)
    whole = driving.run(theirs, maps, batch, width=64)
    there = ~found.curves.isnan()
    torch.testing.assert_close(found.curves[there], whole.curves[there])
    for i, said in found.remarks.items():
        curve = Curve(there[i].nonzero().flatten(), found.curves[i, there[i]])
        assert said == curve.remark()
        assert curve.bounds.sum() <= tolerance
        assert abs(found.scores[i] - whole.scores[i]) <= curve.certain


def test_forwards_are_the_steps_that_are_said_and_ends_are_shared():
    maps, batch = trials()
    net = driving.network()
    stream = Stream(net, 64)
    tasks = [Task(deletion_adaptive(each, batch), batch) for each in (maps, maps.flip(0))]
    answers = stream.drive(tasks)
    steps = sum(int((~answer.value.curves.isnan()).sum()) for answer in answers)
    assert stream.forwards == steps - 2 * len(maps)  # image and grey, of the second
    assert answers[0].forwards > answers[1].forwards - 2 * len(maps)


def test_images_take_as_many_steps_as_each_needs():
    class Step(torch.nn.Module):
        """Sure of class 0 while more than half of the image is there; but never unsure of the second."""

        def forward(self, images):
            sure = (images.mean((1, 2, 3)) > 0.5).double() * 0.8 + 0.1
            sure = torch.where((images == 1).any(1).any(1).any(1), sure, sure.new_tensor(0.9))
            return torch.stack([sure.log(), (1 - sure).log()], 1)

    images = torch.ones(2, 3, 16, 16, dtype=torch.double)
    images[1] = 2
    maps = torch.linspace(1, 0, 256, dtype=torch.double).view(1, 16, 16).repeat(2, 1, 1)
    batch = Batch(("a", "b"), images, torch.tensor([0, 0]), (1, 2))
    found = driving.run(deletion_adaptive, maps, batch, Step(), width=5, steps=128)
    first, second = (~found.curves.isnan()).sum(1).tolist()
    assert second == 29 < first < 60
    near = found.curves[0].isnan()[50:78].sum(), found.curves[0].isnan()[:28].sum()
    assert near[0] < near[1]  # they are spent about the jump, at step 64
    truth = driving.run(deletion, maps, batch, Step(), width=5, steps=128)
    assert (found.scores - truth.scores).abs().max() <= 0.02


def test_a_network_that_returns_nan_ends_it():
    maps, batch = trials()
    found = driving.run(deletion_adaptive, maps, batch, driving.Constant(torch.nan, 1.0, 1.0))
    assert found.scores.isnan().all()


def test_the_row_says_how_many_steps_and_how_far_off(tmp_path):
    import toys

    registry = toys.registry("activation", metrics=("deletion-adaptive", "deletion"))
    found = toy_run(tmp_path / "out", registry=registry, metrics=("deletion-adaptive", "deletion"))
    rows = found.scores[found.scores["metric"] == "deletion-adaptive"]
    assert set(rows["status"]) == {"ok"}
    assert rows["reason"].str.match(r"\d+ of 129 steps; off the area of all by 0\.0\d+ at most").all()
    for curve, said in zip(rows["curve"], rows["reason"], strict=True):
        assert sum(point == point for point in curve) == int(said.split()[0])
        assert len(curve) == 129


def test_the_preset_is_of_the_same_protocol():
    for name in ("insertion", "deletion"):
        ours, theirs = installed().metric(f"{name}-adaptive"), installed().metric(name)
        assert ours.settings["steps"] == theirs.settings["steps"]
        shared = set(theirs.convention) - {"area"}
        assert {key: ours.convention[key] for key in shared} == {
            key: theirs.convention[key] for key in shared
        }
