"""MoRF, LeRF and ROAD against a loop over levels, and pytorch-grad-cam's ROAD on the same maps."""

from dataclasses import replace

import driving
import numpy as np
import pytest
import torch
from literal_imputation import literal as literal_imputation
from xaibench_metrics.faithfulness.road import LEVELS, lerf, morf, percentile_road, removed, road

from xaibench.api.batch import Batch


def literal(maps, batch, net, most: bool) -> torch.Tensor:
    """The target's probability at each level, noise and all."""
    curves = []
    for i, generator in enumerate(batch.generators("road")):
        grain = torch.randn(batch.images.shape[1:], generator=generator).double()
        order = maps[i].flatten().argsort(descending=most).tolist()
        scores = []
        for level in LEVELS:
            gone = torch.zeros(maps[i].numel(), dtype=torch.bool)
            gone[order[: round(level / 100 * len(order))]] = True
            gone = gone.view_as(maps[i])
            filled = literal_imputation(batch.images[i], gone) + 0.01 * grain * gone
            scores.append(driving.probability(net, filled, batch.targets[i]))
        curves.append(scores)
    return torch.tensor(curves, dtype=torch.double)


def test_agrees_with_a_loop_over_levels():
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    most, least = (literal(maps, batch, net, most) for most in (True, False))
    for metric, expected in ((morf, most), (lerf, least), (road, (least - most) / 2)):
        found = driving.run(metric, maps, batch, net)
        torch.testing.assert_close(found.curves, expected, atol=1e-9, rtol=0)
        torch.testing.assert_close(found.scores, expected.mean(1), atol=1e-9, rtol=0)


def test_road_adds_no_forwards_to_its_halves():
    batch = driving.make_batch()
    _, stream = driving.run_named(["road", "morf", "lerf"], driving.make_maps(batch), batch)
    assert stream.forwards == 3 * 2 * len(LEVELS)


def test_a_reversed_map_swaps_the_halves():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    torch.testing.assert_close(
        driving.run(morf, maps, batch).scores, driving.run(lerf, 1 - maps, batch).scores
    )
    torch.testing.assert_close(
        driving.run(road, maps, batch).scores, -driving.run(road, 1 - maps, batch).scores
    )


def test_a_constant_network_scores_its_own_constant():
    batch, net = driving.make_batch(), driving.Constant(0.2, 0.5, 0.3)
    maps = driving.make_maps(batch)
    expected = torch.tensor([0.2, 0.5, 0.3], dtype=torch.double)
    torch.testing.assert_close(driving.run(morf, maps, batch, net).scores, expected)
    torch.testing.assert_close(driving.run(road, maps, batch, net).scores, 0 * expected)


def test_one_pixel_at_least_stays():
    images = torch.arange(4.0).double().view(1, 1, 2, 2).expand(1, 3, 2, 2)
    tiny = Batch(("a",), images, torch.tensor([0]))
    asked = removed(torch.tensor([[[4.0, 3.0], [2.0, 1.0]]]).double(), tiny, 0.0, most=True)
    whole = asked.build(0, torch.tensor([8]))  # 90 % of 4 pixels are 4, rounded
    torch.testing.assert_close(whole, torch.full((1, 3, 2, 2), 3.0).double())


def test_noise_belongs_to_the_image():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    together = driving.run(morf, maps, batch).scores
    torch.testing.assert_close(together[2:], driving.run(morf, maps[2:], batch.select([2])).scores)
    other = replace(batch, seeds=(6,) * 3)
    assert not torch.allclose(together, driving.run(morf, maps, other).scores, atol=1e-9)
    still = driving.run(morf, maps, batch, noise=0.0).scores
    torch.testing.assert_close(still, driving.run(morf, maps, other, noise=0.0).scores)


@pytest.mark.filterwarnings("ignore")  # the peer's, not ours
def test_pytorch_grad_cams_road_is_the_preset_of_its_name_but_for_its_noise(monkeypatch):
    """Its noise is not seeded, so it goes on both sides; it rounds pixels and scores to float32."""
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    maps[0] = (maps[0] * 20).round() / 20  # ties, which it removes together
    maps[1] = (maps[1] - 0.4).relu() / 0.6  # a plateau, with which at times all of the image goes
    targets = [ClassifierOutputSoftmaxTarget(int(t)) for t in batch.targets]
    batch = replace(batch, images=batch.images.float().double())
    theirs = ROADCombined()(batch.images.float(), maps.numpy(), targets, driving.Doubled(net))
    found = driving.run(percentile_road, maps, batch, net, noise=0.0).scores
    np.testing.assert_allclose(found.numpy(), theirs, atol=1e-6, rtol=0)
    assert np.abs(theirs).min() > 1e-4
