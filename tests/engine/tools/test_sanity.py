from dataclasses import replace

import numpy as np
import pytest
import torch
import toys

from xaibench.api import DataError, Unsupported, XaibenchError
from xaibench.api.batch import Example
from xaibench.api.specs import Dataset
from xaibench.engine.discovery.registry import installed
from xaibench.engine.tools.sanity import examine
from xaibench.engine.tools.sanity_checks import SanityMeasurements, judge

METRICS = ("parameter-randomisation-live", "random-logit")


def toy(explainer, *references, limit=4, registry=None):
    registry = registry or toys.registry(explainer, *references, metrics=METRICS)
    return examine(registry, explainer, references, "toy", "generated", *METRICS, limit=limit)


def verdicts(examined):
    return {check.name: check.verdict for check in examined.checks}


@pytest.fixture(scope="module")
def found():
    names = ("guided-backprop", "edge")
    return examine(installed(), "grad-cam", names, "scenes-cnn", "scenes", *METRICS, limit=6)


def test_grad_cam_passes(found):
    assert found.examined.passed, found.examined.checks


def test_guided_backprop_fails_for_its_weights(found):
    guided = found.references[0]
    assert not guided.passed
    assert verdicts(guided)["weights drawn anew"] == "fail"
    assert guided.checks[0].low > 0.5


def test_edges_are_the_same_at_every_stage_and_for_every_class(found):
    edge = found.references[1]
    np.testing.assert_allclose(edge.band.mean, 1)
    assert len(edge.band.mean) == 7
    assert [check.value for check in edge.checks[:2]] == pytest.approx([1, 1])
    assert verdicts(edge)["another class"] == "fail"


def test_an_explainer_that_looks_at_other_images_is_found_out():
    (check,) = (c for c in toy("neighbourly").examined.checks if c.name == "batch")
    assert check.verdict == "fail"
    assert check.value > 0.01


def test_an_explainer_that_draws_by_no_seed_is_found_out():
    assert verdicts(toy("restless").examined)["seed"] == "fail"


def test_an_explainer_that_draws_by_the_seed_is_not():
    found = toy("control")
    assert verdicts(found.examined) == {
        "weights drawn anew": "fail",
        "another class": "fail",
        "flat maps": "pass",
        "batch": "pass",
        "seed": "pass",
    }
    assert float(found.examined.checks[-1].note.removeprefix("by another seed up to ")) > 0.1


def test_flat_maps_fail_and_leave_the_rest_undefined():
    found = toy("constant").examined
    assert verdicts(found) == {
        "weights drawn anew": "undefined",
        "another class": "undefined",
        "flat maps": "fail",
        "batch": "pass",
        "seed": "pass",
    }
    assert found.checks[2].note == "3 of 3"  # two of the four examples are one image's
    assert not found.passed


def test_a_reference_that_does_not_apply_says_why_and_the_explainer_raises():
    found = toy("gradient", "inapplicable")
    assert found.references[0].missing == "it needs a network with wheels"
    with pytest.raises(Unsupported, match="wheels"):
        toy("inapplicable")
    with pytest.raises(XaibenchError, match="nothing to divide by"):
        toy("raising")


def test_an_image_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    registry = toys.registry("gradient", metrics=METRICS)
    lost = Dataset(name="generated", at="toys:lost", classes="toys")
    monkeypatch.setattr(toys, "lost", lambda: [Example("gone", tmp_path / "no.png", 0)], raising=False)
    with pytest.raises(DataError, match="'gone'"):
        toy("gradient", registry=replace(registry, datasets={"generated": lost}))


def test_the_same_call_says_the_same():
    first, second = toy("gradient").examined, toy("gradient").examined
    assert str(first.checks) == str(second.checks)
    np.testing.assert_array_equal(first.band.mean, second.band.mean)


def seen(**other):
    """Three draws of two stages on four images, of an explainer that is as it should be."""
    facts = {
        "curves": torch.tensor([[0.2, 0.0] * 3, [0.3, 0.1] * 3, [0.1, -0.1] * 3, [0.2, 0.0] * 3]),
        "other_class": torch.tensor([0.5, 0.4, 0.6, 0.5]),
        "flat": torch.zeros(4, dtype=torch.bool),
        **{name: torch.zeros(4) for name in ("alone", "again", "other_seed")},
    }
    return SanityMeasurements(**{**facts, **other}, stages=2)


def judged(**other):
    return judge("any", seen(**other), ("a", "b", "c", "d"))


def test_the_value_is_the_mean_over_stages_draws_and_images():
    found = judged()
    assert found.passed
    assert found.checks[0].value == pytest.approx(0.1)
    np.testing.assert_allclose(found.band.mean, [0.2, 0], atol=1e-7)
    assert (found.band.low <= found.band.mean).all()
    assert (found.band.mean <= found.band.high).all()


@pytest.mark.parametrize(
    ("other", "failing"),
    [
        # a mean below the threshold, and an interval above it
        ({"curves": torch.tensor([[1.0] * 6, [0.0] * 6, [0.0] * 6, [0.4] * 6])}, "weights drawn anew"),
        ({"other_class": torch.tensor([1.0, 1.0, 0.5, 1.0])}, "another class"),
        ({"flat": torch.tensor([True, False, False, False])}, "flat maps"),
        ({"alone": torch.tensor([0, 0, 2e-4, 0])}, "batch"),
        ({"again": torch.tensor([0, 0, 2e-6, 0])}, "seed"),
    ],
)
def test_each_check_fails_on_its_own(other, failing):
    assert [name for name, verdict in verdicts(judged(**other)).items() if verdict != "pass"] == [
        failing
    ]


def test_flat_maps_of_random_networks_are_counted_and_left_out():
    curves = seen().curves
    curves[0, [0, 2, 4]] = torch.nan
    curves[1] = torch.nan
    found = judged(curves=curves)
    assert found.checks[0].note == "9 of 24 maps of random networks are flat"
    assert found.checks[0].value == pytest.approx((0 + 0 + 0.1) / 3)
    np.testing.assert_allclose(found.band.mean, [0.15, -0.1 / 3], atol=1e-6)
