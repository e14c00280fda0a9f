"""The first reconstruction against explicit conceptors, and the theorems about it."""

from itertools import pairwise

import pytest
import torch
from xaibench_explainers.cam import cam
from xaibench_explainers.conceptor_cam_spatial import (
    among_states,
    and_not,
    conceptor_cam_spatial,
    runners_up,
    through_conceptors,
)
from xaibench_explainers.conceptors import conceptor, conjunction, disjunction, negation

from xaibench.api.maps import flat

DOUBLE = torch.double
SHAPES = pytest.mark.parametrize("channels", [5, 12, 20], ids=["few", "as many", "more"])


def contributions(channels=8, seed=0, height=3, width=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, height, width, dtype=DOUBLE, generator=generator)


def spatial(states, aperture=10.0, rho=1.0, negatives=True):
    """S* = S+ AND NOT S- of signed (K, N) states, by the calculus."""
    own, against = states.relu(), (-states).relu()
    scale = own.square().sum()
    kept = conceptor(own.T @ own / scale, aperture)
    if negatives and against.any():
        kept = conjunction(kept, negation(conceptor(against.T @ against / scale, aperture * rho)))
    return kept


def same(found, expected, **tolerance):
    torch.testing.assert_close(found, expected, **({"rtol": 1e-6, "atol": 1e-8} | tolerance))


def order(less, more):
    assert torch.linalg.eigvalsh(more - less).min() > -1e-9


@SHAPES
@pytest.mark.parametrize("rho", [1.0, 0.3])
def test_agrees_with_explicit_conceptors(channels, rho):
    given = contributions(channels)
    found = through_conceptors(given, 100.0, rho)
    for states, one in zip(given.flatten(2), found.flatten(1), strict=True):
        same(one, (spatial(states, 10.0, rho) @ states.sum(0)).relu())


@SHAPES
def test_rivals_are_joined_by_or(channels):
    """Each rival's conceptor, at the aperture of its weight, OR the negative contributions'."""
    given, rivals = contributions(channels), [contributions(channels, seed).relu() for seed in (1, 2)]
    weights = torch.tensor([[0.2, 0.05], [0.1, 0.15]], dtype=DOUBLE)
    found = through_conceptors(given, 100.0, 1.0, rivals, weights)
    for b, states in enumerate(given.flatten(2)):
        own, against = states.relu(), (-states).relu()
        joined = conceptor(against.T @ against / own.square().sum(), 10.0)
        for rival, weight in zip(rivals, weights[b], strict=True):
            seen = rival[b].flatten(1)
            one = conceptor(seen.T @ seen / seen.square().sum(), 10.0 * float(weight) ** 0.5)
            joined = disjunction(joined, one)
        kept = conjunction(conceptor(own.T @ own / own.square().sum(), 10.0), negation(joined))
        same(found[b].flatten(), (kept @ states.sum(0)).relu())


def test_t1_one_conceptor_regulates_channels_and_positions():
    for states in contributions().flatten(2):
        among_channels, among_positions = (
            conceptor(gram, 10.0) for gram in (states @ states.T, states.T @ states)
        )
        same(among_channels @ states, states @ among_positions)


def test_t2_regulating_each_channels_map_is_regulating_their_sum():
    given = contributions(20)
    own, against = given.flatten(2).relu(), (-given.flatten(2)).relu()
    whole = and_not(own, against, given.flatten(2).sum(1))
    each = sum(and_not(own, against, states) for states in given.flatten(2).unbind(1))
    same(whole, each)


def test_t3_among_channels_the_sign_split_says_nothing_and_among_positions_it_does():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(8, 1, dtype=DOUBLE, generator=generator)
    states = weights * torch.rand(8, 12, dtype=DOUBLE, generator=generator)
    own, against = states.relu(), (-states).relu()
    for_class, not_against = conceptor(own @ own.T, 10.0), negation(conceptor(against @ against.T, 10.0))
    same(conjunction(for_class, not_against), for_class)
    assert (spatial(states) - spatial(states, negatives=False)).abs().max() > 1e-2


def test_t4_bounds():
    for states in contributions().flatten(2):
        own, against = states.relu(), (-states).relu()
        kept, alone = spatial(states), spatial(states, negatives=False)
        negative = conceptor(against.T @ against / own.square().sum(), 10.0)
        order(torch.zeros_like(kept), kept)
        order(kept, alone)
        order(alone, torch.eye(12, dtype=DOUBLE))
        order(kept, negation(negative))
        for less, more in pairwise(spatial(own - factor * against) for factor in (2.0, 1.0, 0.5, 0.0)):
            order(less, more)
        same(spatial(own), alone)


def test_t4_without_positive_contributions_the_map_is_zero():
    found = through_conceptors(-contributions().abs(), 100.0)
    assert torch.equal(found, torch.zeros_like(found))


def test_t5_invariances():
    given = contributions(8)
    found = through_conceptors(given, 100.0)
    same(through_conceptors(given * 1e-9, 100.0) * 1e9, found)
    same(through_conceptors(given[:, torch.randperm(8)], 100.0), found)
    places = torch.randperm(12)
    moved = given.flatten(2)[:, :, places].view_as(given)
    same(through_conceptors(moved, 100.0).flatten(1), found.flatten(1)[:, places])


@SHAPES
def test_t5_channels_may_be_mixed(channels):
    given, (mixing, _) = (
        contributions(channels),
        torch.linalg.qr(contributions(1, 1, channels, channels)),
    )
    own, against = given.flatten(2).relu(), (-given.flatten(2)).relu()
    maps, mixing = given.flatten(2).sum(1), mixing[:, 0]
    same(and_not(mixing @ own, mixing @ against, maps), and_not(own, against, maps))


def test_t6_a_small_aperture_gives_nothing_linearly():
    given = contributions(20)
    small, smaller = (through_conceptors(given, squared) for squared in (1e-5, 1e-6))
    same(small, 10 * smaller, rtol=1e-4, atol=1e-12)
    assert small.max() < 1e-3


def test_t6_a_large_aperture_without_negatives_gives_the_map_back():
    generator = torch.Generator().manual_seed(0)
    own = torch.rand(2, 5, 12, dtype=DOUBLE, generator=generator)
    nothing, maps = torch.zeros_like(own), own.sum(1)
    same(and_not(1e4 * own, nothing, maps), maps)
    outside = torch.rand(2, 12, dtype=DOUBLE, generator=generator)
    assert (and_not(1e4 * own, nothing, outside) - outside).abs().max() > 1e-2


def test_t7_behind_average_pooling_the_cams_have_one_map(gap_capture):
    """CAM, Grad-CAM and HiResCAM with one scale; Grad-CAM's contributions are CAM's over N."""
    head, targets = gap_capture.classifier.head.weight.detach(), gap_capture.batch.targets
    activations, gradients = gap_capture.activations, gap_capture.gradients
    by_head, by_mean, by_cell = (
        through_conceptors(weights * activations, 100.0)
        for weights in (head[targets][:, :, None, None], gradients.mean((2, 3), keepdim=True), gradients)
    )
    cells = activations[0, 0].numel()
    same(by_mean * cells, by_head)
    same(by_cell, by_mean)
    assert not torch.allclose(by_head, cam(gap_capture))


def test_t8_evidence_that_is_the_same_everywhere_gives_a_flat_map():
    given = contributions(8, height=1, width=1).abs().expand(-1, -1, 3, 4)
    assert flat(through_conceptors(given, 100.0)).all()


def test_the_explainer_takes_hirescam_contributions_and_three_rivals(capture):
    def contributing(targets):
        return capture.gradients_for(targets) * capture.activations

    probabilities = capture.logits.softmax(1)
    classes = [
        sorted({0, 1, 2, 3} - {int(target)}, key=lambda k: -capture.logits[b, k])
        for b, target in enumerate(capture.batch.targets)
    ]
    best, shares = runners_up(capture, 3)
    assert best.tolist() == classes
    others = probabilities.gather(1, best)
    same(shares, others / others.sum(1, keepdim=True))
    assert runners_up(capture, 9)[0].shape == (3, 3)
    found = conceptor_cam_spatial(capture)
    rivals = [contributing(targets).relu() for targets in best.T]
    own = contributing(capture.batch.targets)
    same(found, through_conceptors(own, 100.0, 1.0, rivals, 0.25 * shares))


@pytest.mark.parametrize(("aperture_squared", "tolerance"), [(100.0, 1e-5), (1e4, 1e-3)])
def test_float32_contributions_give_the_float64_map(aperture_squared, tolerance):
    given = contributions(20)
    exact = through_conceptors(given, aperture_squared)
    single = through_conceptors(given.float(), aperture_squared)
    assert (single - exact).abs().max() < tolerance * exact.abs().max()


@pytest.mark.parametrize("aperture_squared", [0.0, 2e4])
def test_an_aperture_that_cannot_be_solved_is_refused(aperture_squared):
    with pytest.raises(ValueError, match="must be in"):
        through_conceptors(contributions(), aperture_squared)


def sides(capture, rivals):
    """Contributions, (B, K, N), and the positive ones of some rivals."""
    best, shares = runners_up(capture, rivals)
    others = [(capture.gradients_for(targets) * capture.activations).relu() for targets in best.T]
    return (capture.gradients * capture.activations).flatten(2), others, 0.25 * shares


@pytest.mark.parametrize("rivals", [0, 3])
@pytest.mark.parametrize("rho", [0.0, 1.0])
@pytest.mark.parametrize("space", ["positions", "channels", "both"])
def test_negations_and_spaces_agree_with_explicit_conceptors(capture, rivals, rho, space):
    """None, own, rival, and both of them; among positions, among channels, and their mean."""
    given, others, weights = sides(capture, rivals)
    found = conceptor_cam_spatial(capture, 100.0, rho, rivals, space=space)
    for b, states in enumerate(given):
        own, against = states.relu(), rho * (-states).relu()
        expected = torch.zeros(states.shape[1], dtype=DOUBLE)
        scale = own.square().sum()
        for name, turned in (("positions", lambda x: x.T), ("channels", lambda x: x)):
            if space not in (name, "both") or not scale:
                continue
            kept = conceptor(turned(own) @ turned(own).T / scale, 10.0)
            correlation = turned(against) @ turned(against).T / scale
            for other, weight in zip(others, weights[b], strict=True):
                seen = turned(other[b].flatten(1))
                if seen.any():
                    correlation = correlation + weight * seen @ seen.T / seen.square().sum()
            kept = conjunction(kept, negation(conceptor(correlation, 10.0)))
            if name == "positions":
                expected += kept @ states.sum(0)
            else:
                gradients, activations = (
                    x[b].flatten(1) for x in (capture.gradients, capture.activations)
                )
                expected += (gradients * (kept @ activations)).sum(0)
        expected = expected / (2 if space == "both" else 1)
        same(found[b].flatten(), expected.relu(), rtol=1e-5, atol=1e-7)


@SHAPES
def test_without_weights_and_negatives_both_spaces_give_one_map(channels):
    """T1 read out: 1'CA = (1'A)S."""
    activations = contributions(channels).flatten(2).abs()
    nothing = torch.zeros_like(activations)
    channelwise = among_states(3 * activations, nothing, activations).sum(1)
    same(channelwise, and_not(3 * activations, nothing, activations.sum(1)))


def test_a_space_that_there_is_not_is_refused(gap_capture):
    with pytest.raises(ValueError, match="must be one of positions, channels, both"):
        conceptor_cam_spatial(gap_capture, space="time")
