import nets
import numpy as np
import pytest
import torch
from xaibench_explainers.controls import (
    almost_ones,
    ground_truth,
    mean_activation,
    random_weights_cam,
)
from xaibench_metrics.localisation.pointing_game import pointing_game

from xaibench.api.batch import Batch, Region
from xaibench.api.capture import Capture
from xaibench.api.maps import flat, rescale
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream

SPEC = installed().explainers["ground-truth"]


def test_mean_activation_is_the_same_for_every_class(capture):
    torch.testing.assert_close(mean_activation(capture), capture.activations.mean(1))


def test_random_weights_are_drawn_for_each_image_from_minus_one_to_one(capture):
    channels = capture.activations.shape[1]
    for found, activations, generator in zip(
        random_weights_cam(capture),
        capture.activations,
        capture.batch.generators("random-weights-cam"),
        strict=True,
    ):
        weights = torch.rand(channels, generator=generator, dtype=torch.double) * 2 - 1
        expected = sum(w * channel for w, channel in zip(weights, activations, strict=True)).relu()
        torch.testing.assert_close(found, expected)


def test_almost_ones_is_not_flat_and_is_one_but_for_a_pixel(capture):
    maps = almost_ones(capture)
    assert not flat(maps).any()
    assert rescale(maps).sum((1, 2)).tolist() == [32 * 24 - 1] * 3


def test_ground_truth_at_the_networks_size_is_the_mask(capture):
    region = torch.zeros(32, 24, dtype=torch.double)
    region[8:16, 4:12] = 1
    assert torch.equal(ground_truth(capture), region.expand(3, -1, -1))


def test_ground_truth_is_the_covered_share_of_each_pixel():
    mask = torch.from_numpy(np.arange(8 * 6).reshape(8, 6) % 5 == 0)
    found = Region((6, 8), (0, 0, 6, 8), mask=mask).covered((4, 3))
    expected = [
        [mask[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].float().mean() for x in range(3)] for y in range(4)
    ]
    torch.testing.assert_close(found, torch.tensor(expected).double())


def test_ground_truth_is_cropped_like_the_image():
    region = Region((10, 8), (1, 0, 9, 8), boxes=((0, 2, 3, 5),))
    expected = torch.zeros(8, 8)
    expected[2:5, 0:2] = 1
    assert torch.equal(region.covered((8, 8)), expected.double())


def test_a_small_image_is_brought_to_the_networks_size():
    found = Region((4, 4), (0, 0, 4, 4), boxes=((2, 0, 4, 4),)).covered((8, 8))
    assert found.shape == (8, 8)
    assert found[:, :2].max() == 0
    assert found[:, 6:].min() == 1


@pytest.fixture
def partly(batch) -> Batch:
    """The class of the second image is not annotated."""
    nowhere = Region((24, 32), (0, 0, 24, 32))
    regions = (batch.regions[0], nowhere, batch.regions[2])
    return Batch(batch.ids, batch.images, batch.targets, batch.seeds, regions)


def test_ground_truth_hits_and_is_undefined_where_nothing_is_annotated(partly):
    capture = Capture(nets.gap(), partly)
    stream = Stream(capture.classifier.logits, 4)
    explained = explain(capture, [SPEC], stream)
    assert explained["ground-truth"].outcome.status == "ok"
    metrics = [installed().metrics[name] for name in ("pointing-game", "deletion-28")]
    policies = [frozenset({metric.target for metric in metrics})] * 3
    scored = score(explained, metrics, policies, partly, stream)
    for outcome in scored.values():
        assert outcome.odd == {1: ("undefined", "no box or mask of the target class")}
    assert scored["ground-truth", "pointing-game"].values[[0, 2]].tolist() == [1, 1]
    assert pointing_game(explained["ground-truth"].maps[:1], partly.select([0])).tolist() == [1]


@pytest.mark.parametrize("regions", [(), (Region((24, 32), (0, 0, 24, 32)),) * 3])
def test_ground_truth_of_no_annotation_at_all_is_undefined(batch, regions):
    unknown = Batch(batch.ids, batch.images, batch.targets, batch.seeds, regions)
    capture = Capture(nets.gap(), unknown)
    outcome = explain(capture, [SPEC], Stream(capture.classifier.logits, 4))["ground-truth"].outcome
    assert (outcome.status, outcome.reason) == ("undefined", "no box or mask of the target class")


def test_the_new_controls_are_asked_for_by_name():
    asked = {"mean-activation", "random-weights-cam", "almost-ones", "ground-truth"}
    explainers = installed().explainers
    assert {name for name, spec in explainers.items() if spec.control} == {"random", "center", "edge"}
    assert asked <= explainers.keys()
