"""Pixel-flipping against a loop, and against Quantus itself where it is installed."""

from dataclasses import replace

import driving
import numpy as np
import pytest
import torch
from xaibench_metrics.faithfulness.pixel_flipping import pixel_flipping


def literal(maps, batch, net, pixels) -> torch.Tensor:
    """Pixels set to the least value, some at a time; the curve after each."""
    curves = []
    for image, saliency, target in zip(batch.images, maps, batch.targets, strict=True):
        flipped, curve = image.clone().view(3, -1), []
        order = saliency.flatten().argsort(descending=True)
        for first in range(0, len(order), pixels):
            flipped[:, order[first : first + pixels]] = image.min()
            curve.append(driving.probability(net, flipped.view_as(image), target))
        curves.append(curve)
    return torch.tensor(curves, dtype=torch.double)


@pytest.mark.parametrize("pixels", [7, 40, 120])
def test_agrees_with_a_loop(pixels):
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    found = driving.run(pixel_flipping, maps, batch, net, features=3 * pixels)
    expected = literal(maps, batch, net, pixels)
    torch.testing.assert_close(found.curves, expected)
    areas = (expected[:, 1:] + expected[:, :-1]).sum(1) / 2
    torch.testing.assert_close(found.scores, areas)


@pytest.mark.filterwarnings("ignore")  # the peer's, not ours
def test_quantus_agrees(monkeypatch):
    """Its features are the three colours of each pixel, so that steps break pixels; and with ties."""
    quantus = pytest.importorskip("quantus")
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)  # newer NumPys have no other
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    settings = {"features_in_step": 20, "return_auc_per_sample": True}
    batch = replace(batch, images=batch.images.float().double())
    maps[0, :4] = 0
    metric = quantus.PixelFlipping(disable_warnings=True, **settings)
    theirs = metric(
        model=driving.Doubled(net).eval(),
        x_batch=batch.images.numpy(),
        y_batch=batch.targets.numpy(),
        a_batch=maps[:, None].numpy(),
        softmax=True,
        device="cpu",
    )
    found = driving.run(pixel_flipping, maps, batch, net, features=20).scores
    assert found.tolist() == pytest.approx(theirs, abs=1e-6)
