"""The reconstruction against explicit K x K conceptors with inverses, and its laws."""

from collections.abc import Generator
from functools import partial
from itertools import pairwise
from math import sqrt

import pytest
import torch
from xaibench_explainers.cam import cam
from xaibench_explainers.conceptor_cam import (
    at_most_one,
    conceptor_cam,
    evidence,
    regulated,
    runner_up,
)
from xaibench_explainers.conceptors import conceptor, conjunction, negation
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.score_cam import score_cam

from xaibench.api import PluginError, Unsupported
from xaibench.api.maps import flat, rescale
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.stream import Stream, Task

DOUBLE = torch.double


def features(channels: int, height: int = 3, width: int = 4, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    activations = torch.randn(2, channels, height, width, dtype=DOUBLE, generator=generator)
    maps = torch.rand(2, 2, height, width, dtype=DOUBLE, generator=generator)
    return activations, maps[:, 0], maps[:, 1]


def correlation(vectors, weights):
    """R = sum_n m_n a_n a_n' / sum_n m_n |a_n|^2."""
    total = sum(m * a @ a for m, a in zip(weights, vectors.T, strict=True))
    return sum(m * torch.outer(a, a) for m, a in zip(weights, vectors.T, strict=True)) / total


def literal(activations, positive, aperture_squared, negative=None):
    """a_n' C a_n / |a_n|^2 with the K x K matrices written out."""
    maps = torch.zeros_like(positive)
    for b, vectors in enumerate(activations.flatten(2)):
        if not positive[b].any():
            continue  # nothing is learned, and nothing let through
        kept = conceptor(correlation(vectors, positive[b].flatten()), sqrt(aperture_squared))
        if negative is not None:
            rival = conceptor(correlation(vectors, negative[b].flatten()), sqrt(aperture_squared))
            kept = conjunction(kept, negation(rival))
        shares = [a @ kept @ a / (a @ a) if a.any() else torch.zeros_like(a[0]) for a in vectors.T]
        maps[b] = torch.stack(shares).view_as(maps[b])
    return maps


@pytest.mark.parametrize("channels", [5, 12, 20], ids=["few", "as many", "more"])
@pytest.mark.parametrize("aperture_squared", [3.0, 30.0])
@pytest.mark.parametrize("rivals", [False, True])
def test_agrees_with_explicit_conceptors(channels, aperture_squared, rivals):
    activations, positive, negative = features(channels)
    negative = negative if rivals else None
    found = evidence(activations, positive, aperture_squared, negative)
    expected = literal(activations, positive, aperture_squared, negative)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rivals", [False, True])
def test_solving_among_channels_is_solving_among_positions(rivals):
    """As many zero channels as make the positions fewer: the same features, the other solve."""
    activations, positive, negative = features(channels=6)
    negative = negative if rivals else None
    padded = torch.cat([activations, torch.zeros(2, 10, 3, 4, dtype=DOUBLE)], 1)
    few = evidence(activations, positive, 30.0, negative)
    torch.testing.assert_close(few, evidence(padded, positive, 30.0, negative))


def test_evidence_is_in_zero_to_one():
    found = evidence(*features(20)[:2], 1e4)
    assert (found >= 0).all()
    assert (found < 1).all()


def test_evidence_ignores_the_scale_of_features_and_map():
    activations, positive, _ = features(20)
    plain = evidence(activations, positive, 30.0)
    torch.testing.assert_close(plain, evidence(activations * 7, positive, 30.0))
    torch.testing.assert_close(plain, evidence(activations, positive * 1e-3, 30.0))


def test_evidence_ignores_an_orthogonal_mixing_of_channels():
    activations, positive, negative = features(8)
    mixing, _ = torch.linalg.qr(torch.randn(8, 8, dtype=DOUBLE))
    mixed = torch.einsum("jk,bkhw->bjhw", mixing, activations)
    torch.testing.assert_close(
        evidence(activations, positive, 3.0, negative), evidence(mixed, positive, 3.0, negative)
    )


def test_positions_may_be_permuted():
    activations, positive, negative = features(20)
    order = torch.randperm(12)

    def shuffled(tensor):
        return tensor.flatten(-2)[..., order].view_as(tensor)

    plain = evidence(activations, positive, 3.0, negative)
    moved = evidence(shuffled(activations), shuffled(positive), 3.0, shuffled(negative))
    torch.testing.assert_close(moved, shuffled(plain))


def test_a_small_aperture_lets_nothing_through_and_a_large_one_all_of_the_span():
    activations, positive, _ = features(20)  # 12 independent features among 20 channels
    assert evidence(activations, positive, 1e-6).max() < 1e-5
    assert evidence(activations, torch.ones_like(positive), 1e4).min() > 0.99


def test_parallel_features_have_the_same_evidence_everywhere():
    direction = torch.randn(1, 6, 1, 1, dtype=DOUBLE)
    activations = direction * (0.5 + torch.rand(1, 1, 3, 4, dtype=DOUBLE))
    found = evidence(activations, torch.rand(1, 3, 4, dtype=DOUBLE), 30.0)
    torch.testing.assert_close(found, found[:, :1, :1].expand_as(found))


def test_a_zero_feature_has_no_evidence():
    activations, positive, _ = features(20)
    activations[:, :, 1, 2] = 0
    assert evidence(activations, positive, 30.0)[:, 1, 2].tolist() == [0, 0]


def test_rivals_only_lower_evidence():
    activations, positive, negative = features(20)
    without = evidence(activations, positive, 3.0)
    assert (evidence(activations, positive, 3.0, negative) <= without + 1e-12).all()


def test_no_positive_evidence_gives_a_zero_map():
    activations, positive, negative = features(20)
    found = evidence(activations, torch.zeros_like(positive), 3.0, negative)
    assert torch.equal(found, torch.zeros_like(found))


@pytest.mark.parametrize("aperture_squared", [0.0, -1.0, 2e4])
def test_an_aperture_that_cannot_be_solved_is_refused(aperture_squared):
    with pytest.raises(ValueError, match="must be in"):
        evidence(*features(5)[:2], aperture_squared)


@pytest.mark.parametrize(("aperture_squared", "tolerance"), [(100.0, 1e-5), (1e4, 1e-3)])
def test_float32_features_give_the_float64_map(aperture_squared, tolerance):
    activations, positive, negative = features(20)
    exact = evidence(activations, positive, aperture_squared, negative)
    single = evidence(activations.float(), positive.float(), aperture_squared, negative.float())
    torch.testing.assert_close(single, exact.float(), rtol=tolerance, atol=tolerance)


def test_evidence_grows_with_the_aperture():
    activations, positive, _ = features(20)
    sweep = [evidence(activations, positive, squared) for squared in (1.0, 3.0, 10.0, 100.0, 1e4)]
    for less, more in pairwise(sweep):
        assert (less < more).all()


def test_behind_average_pooling_cam_and_grad_cam_with_conceptors_are_the_same(gap_capture):
    """Their maps differ by a factor, which the evidence does not see."""
    torch.testing.assert_close(regulated(cam)(gap_capture), regulated(grad_cam)(gap_capture))


def test_grad_cam_with_conceptors_is_evidence_under_its_own_map(capture):
    own = at_most_one(grad_cam(capture))
    torch.testing.assert_close(regulated(grad_cam)(capture), evidence(capture.activations, own, 30.0))


def test_the_sharp_read_out_multiplies_with_the_map(capture):
    sharp = regulated(grad_cam, aperture_squared=3.0, sharp=True)(capture)
    own = grad_cam(capture)
    torch.testing.assert_close(sharp, own * evidence(capture.activations, at_most_one(own), 3.0))


def test_conceptor_cam_is_hirescam_evidence_against_the_runner_up(capture):
    def hires(gradients):
        return at_most_one((gradients * capture.activations).sum(1).relu())

    own = hires(capture.gradients)
    rival = hires(capture.gradients_for(runner_up(capture)))
    expected = evidence(capture.activations, own, 3.0, rival * (1 - own))
    torch.testing.assert_close(conceptor_cam(capture), expected)


def literal_sides(capture, aperture_squared):
    """a_n' C a_n under the target's explicit conceptor, and the rival's share."""

    def hires(gradients):
        return at_most_one((gradients * capture.activations).sum(1).relu())

    rival = hires(capture.gradients_for(runner_up(capture)))
    own = literal(capture.activations, hires(capture.gradients), aperture_squared)
    return own * capture.activations.square().sum(1), literal(
        capture.activations, rival, aperture_squared
    )


def test_without_negation_the_rival_is_not_asked_about(gap_capture):
    own = at_most_one((gap_capture.gradients * gap_capture.activations).sum(1).relu())
    found = conceptor_cam(gap_capture, negation="none")
    assert gap_capture.shared.backwards == 1
    expected = literal(gap_capture.activations, own, 3.0)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_jaegers_read_out_is_positive_evidence_and_what_the_rivals_conceptor_stops(gap_capture):
    energy, rival = literal_sides(gap_capture, 3.0)
    alone = conceptor_cam(gap_capture, negation="none", readout="jaeger")
    torch.testing.assert_close(alone, rescale(energy), rtol=1e-6, atol=1e-8)
    both = conceptor_cam(gap_capture, readout="jaeger")
    torch.testing.assert_close(both, rescale(energy) * rescale(1 - rival), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("wrong", [{"negation": "own"}, {"readout": "mean"}])
def test_a_variant_that_there_is_not_is_refused(wrong, gap_capture):
    with pytest.raises(ValueError, match="must be one of"):
        conceptor_cam(gap_capture, **wrong)


def test_the_runner_up_is_the_best_class_but_the_target(capture):
    for logits, target, found in zip(
        capture.logits, capture.batch.targets, runner_up(capture), strict=True
    ):
        others = [k for k in range(4) if k != target]
        assert found == max(others, key=lambda k: logits[k])


def test_conceptors_regulate_an_explainer_that_asks_for_forwards(capture):
    asked = regulated(score_cam)(capture)
    assert isinstance(asked, Generator)
    stream = Stream(capture.classifier.logits, 8)
    plain, found = stream.drive([Task(score_cam(capture), capture.batch), Task(asked, capture.batch)])
    assert found.forwards == plain.forwards
    expected = evidence(capture.activations, at_most_one(plain.value), 30.0)
    torch.testing.assert_close(found.value, expected)


@pytest.mark.parametrize("modifier", ["conceptors", "conceptors-sharp"])
@pytest.mark.parametrize("name", installed().explainers)
def test_every_explainer_with_a_map_at_the_layer_composes(name, modifier, capture):
    """Whatever is installed, by its name alone; what does not compose says why."""
    both = [installed().explainer(wanted) for wanted in (name, f"{name}+{modifier}")]
    stream = Stream(capture.classifier.logits, 8)
    plain, found = explain(capture, both, stream).values()
    if plain.outcome.status != "ok":
        assert (found.outcome.status, found.outcome.reason) == (
            plain.outcome.status,
            plain.outcome.reason,
        )
        return
    maps = plain.outcome.values
    if maps.shape[1:] != capture.activations.shape[2:]:
        assert found.outcome.status == "unsupported"
        assert "conceptors weigh the features of the target layer's" in found.outcome.reason
        return
    assert found.outcome.status == "ok", found.outcome.reason
    sharp = modifier.endswith("sharp")
    expected = evidence(capture.activations, at_most_one(maps.relu()), 3.0 if sharp else 30.0)
    expected = expected * maps.relu() if sharp else expected
    torch.testing.assert_close(found.outcome.values, expected)
    told = maps.relu().amax((1, 2)) > 1e-9  # else the map is nothing but rounding
    assert (~flat(expected)).any() or not told.any()


def test_a_map_of_another_size_is_unsupported_and_a_broken_one_a_broken_contract(gap_capture):
    def whole(capture):
        return capture.batch.images.mean(1)

    with pytest.raises(Unsupported, match=r"8 x 6 cells; this explainer's map has 32 x 24"):
        regulated(whole)(gap_capture)
    with pytest.raises(PluginError, match=r"returned \(3, 8, 8, 6\); expected \(3, h, w\)"):
        regulated(lambda capture: capture.activations)(gap_capture)
    with pytest.raises(PluginError, match="returned list"):
        regulated(lambda capture: [1.0])(gap_capture)


def test_a_map_with_nan_spoils_no_other_images(gap_capture):
    def spoilt(capture, image):
        maps = grad_cam(capture).clone()
        maps[image, 0, 0] = torch.nan
        return maps

    for sharp in (False, True):
        found = regulated(partial(spoilt, image=1), sharp=sharp)(gap_capture)
        assert found[1].isnan().all()
        sound = regulated(grad_cam, sharp=sharp)(gap_capture)
        torch.testing.assert_close(found[[0, 2]], sound[[0, 2]])
