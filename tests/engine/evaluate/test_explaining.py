"""Explainers side by side: what is explained once, and whose cost it is."""

from dataclasses import replace

import pytest
import torch
import toys

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.specs import Explainer, Modifier, modified
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.stream import Stream

ASKING = Explainer(name="asking", at="toys:asking")
TWICE = Modifier(name="twice", at="toys:scaled", settings={"weight": 2.0})
DOWN = Modifier(name="down", at="toys:scaled_generator", settings={"weight": -1.0})


@pytest.fixture
def work():
    classifier = toys.model()
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    capture = Capture(classifier, Batch(("a", "b", "c"), images, torch.tensor([0, 1, 2])))
    return capture, Stream(classifier.logits, 5)


def names(*specs):
    return {spec.name: spec for spec in specs}


def test_what_is_asked_for_and_modified_is_explained_once(work):
    capture, stream = work
    down = modified(ASKING, DOWN)
    both = explain(capture, [ASKING, down], stream)
    assert stream.forwards == 3 * 4
    alone = explain(capture, [down], Stream(capture.classifier.logits, 5))
    torch.testing.assert_close(both[down.name].maps, alone[down.name].maps)


def test_so_is_what_two_modify(work):
    capture, stream = work
    one, other = modified(ASKING, DOWN), replace(modified(ASKING, DOWN), name="other")
    found = explain(capture, [one, other], stream)
    assert list(found) == [one.name, "other"]
    assert stream.forwards == 3 * 4


def test_what_is_modified_twice_is_explained_once(work):
    capture, stream = work
    once = modified(ASKING, DOWN)
    again = modified(once, TWICE)
    found = explain(capture, [again, ASKING, once], stream)
    assert list(found) == [again.name, "asking", once.name]
    assert stream.forwards == 3 * 4
    torch.testing.assert_close(found[again.name].maps, found[once.name].maps)  # a positive factor


def test_its_cost_counts_as_the_modified_ones_too(work):
    capture, stream = work
    found = explain(capture, [ASKING, modified(ASKING, DOWN)], stream)
    costs = [found[name].outcome for name in ("asking", "asking+down")]
    assert [cost.forwards for cost in costs] == [4, 4]
    assert costs[1].ms >= costs[0].ms > 0


@pytest.mark.parametrize(("name", "status"), [("raising", "failed"), ("inapplicable", "unsupported")])
def test_what_goes_wrong_below_goes_wrong_above_for_the_same_reason(work, name, status):
    capture, stream = work
    below = Explainer(name=name, at=f"toys:{name}")
    found = explain(capture, [below, modified(below, DOWN)], stream)
    reasons = {(e.outcome.status, e.outcome.reason) for e in found.values()}
    assert len(reasons) == 1
    assert reasons.pop()[0] == status


def test_one_that_is_like_named_and_set_otherwise_is_another(work):
    capture, stream = work
    spec = modified(ASKING, DOWN)
    elsewhere = replace(spec, name="elsewhere", explainer=replace(ASKING, version=2))
    explain(capture, [spec, elsewhere, ASKING], stream)
    assert stream.forwards == 2 * 3 * 4
