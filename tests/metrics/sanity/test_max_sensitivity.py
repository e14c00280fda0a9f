from dataclasses import replace

import pytest
import torch
from xaibench_metrics.sanity.max_sensitivity import max_sensitivity


@pytest.mark.parametrize("name", ["mean-activation", "saliency", "rise"])
def test_it_is_the_largest_of_the_changes_trial_by_trial(name, batch, explaining):
    explainer = explaining(name)
    if name == "rise":  # it draws masks itself: the same for every sample
        explainer.spec = replace(explainer.spec, settings={"count": 20})
    maps = explainer.maps(batch)
    found = max_sensitivity(maps, batch, explainer, samples=4, radius=0.1)
    for i in range(3):
        alone = batch.select([i])
        (generator,) = alone.generators("max-sensitivity")
        largest = 0.0
        for k in range(4):
            noise = torch.rand(3, 32, 24, generator=generator, dtype=torch.double)
            near = replace(alone, images=alone.images + 0.1 * (2 * noise - 1))
            change = (explainer.maps(near)[0] - maps[i]).square().sum().sqrt()
            share = (change / maps[i].square().sum().sqrt()).item()
            assert found.curves[i, k].item() == pytest.approx(share, rel=1e-4, abs=1e-5)
            largest = max(largest, share)
        assert found.scores[i].item() == pytest.approx(largest, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", ["center", "random"])
def test_what_does_not_look_at_the_image_does_not_change(name, batch, explaining):
    explainer = explaining(name)
    assert max_sensitivity(explainer.maps(batch), batch, explainer).scores.tolist() == [0, 0, 0]


def test_a_flat_map_has_no_change_to_measure(batch, explaining):
    explainer = explaining("saliency")
    maps = explainer.maps(batch)
    maps[2] = 0
    found = max_sensitivity(maps, batch, explainer, samples=2)
    assert found.undefined == {2: "its map is flat"}
    assert found.scores.isnan().tolist() == [False, False, True]


def test_every_sample_is_within_the_box_and_of_the_same_class(batch, explaining):
    explainer = explaining("saliency")
    seen = []
    real = explainer.maps

    def noted(near):
        seen.append(near)
        return real(near)

    explainer.maps = noted
    max_sensitivity(real(batch), batch, explainer)
    assert len(seen) == 10
    for near in seen:
        furthest = (near.images - batch.images).abs().max().item()
        assert 0.0199 < furthest <= 0.02
        assert torch.equal(near.targets, batch.targets)
