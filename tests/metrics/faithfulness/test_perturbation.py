"""Chefer's perturbation test against a loop over levels."""

from dataclasses import replace

import driving
import pytest
import torch
from xaibench_metrics.faithfulness.perturbation import (
    LEVELS,
    negative_perturbation,
    positive_perturbation,
)

from xaibench.api.errors import Unsupported


def literal(maps, batch, net, most: bool) -> list[float]:
    """Colours set to 0 before they are normalised; how often the target is the argmax."""
    scores = []
    for image, saliency, target in zip(batch.images, maps, batch.targets, strict=True):
        colours = batch.preprocess.colours(image)
        order = saliency.flatten().argsort(descending=most).tolist()
        correct = 0
        for level in LEVELS:
            dark = colours.clone().view(3, -1)
            dark[:, order[: level * len(order) // 100]] = 0
            logits = net(batch.preprocess.normalised(dark.view_as(colours))[None])[0]
            correct += int(logits.argmax()) == int(target)
        scores.append(correct / len(LEVELS))
    return scores


def test_agrees_with_a_loop_over_levels():
    batch, net = driving.make_batch(count=8), driving.network()
    maps = driving.make_maps(batch)
    seen = []
    for metric, most in ((positive_perturbation, True), (negative_perturbation, False)):
        found = driving.run(metric, maps, batch, net)
        seen += literal(maps, batch, net, most)
        assert found.scores.tolist() == pytest.approx(seen[-8:])
        assert found.curves.shape == (8, 9)
    assert any(0 < score < 1 for score in seen)


def test_the_predicted_class_of_a_constant_network_survives_everything():
    batch, net = driving.make_batch(), driving.Constant(0.2, 0.5, 0.3)
    for metric in (positive_perturbation, negative_perturbation):
        assert driving.run(metric, driving.make_maps(batch), batch, net).scores.tolist() == [0, 1, 0]


def test_a_reversed_map_swaps_positive_and_negative():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    positive = driving.run(positive_perturbation, maps, batch).curves
    assert torch.equal(positive, driving.run(negative_perturbation, 1 - maps, batch).curves)


def test_without_preprocessing_nobody_knows_what_black_is():
    batch = replace(driving.make_batch(), preprocess=None)
    with pytest.raises(Unsupported, match="what black is"):
        driving.run(positive_perturbation, driving.make_maps(batch), batch)
