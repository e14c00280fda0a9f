import math

import nets
import pytest
import torch
from xaibench_metrics.cost.cost import Allocations, backwards, forwards, milliseconds, peak_memory

import xaibench
from xaibench.api.explaining import Cost

MIB = 2**20


def test_what_a_map_took_is_what_the_explainer_says(batch, explaining):
    explainer = explaining()
    explainer.cost = Cost(1.5, 20.0, 0.25)
    maps = torch.rand(3, 32, 24)
    for metric, expected in ((milliseconds, 1.5), (forwards, 20), (backwards, 0.25)):
        found = metric(maps, batch, explainer)
        assert found.scores.tolist() == [expected] * 3
        assert not found.undefined


def test_what_given_maps_took_is_not_known(batch, explaining):
    explainer = explaining()
    explainer.cost = Cost(math.nan, math.nan, math.nan)
    found = milliseconds(torch.rand(3, 32, 24), batch, explainer)
    assert found.scores.isnan().all()
    assert set(found.undefined) == {0, 1, 2}
    maps = torch.rand(3, 32, 24)
    given = xaibench.score(maps, batch.images, nets.gap(), "forwards", explainer="saliency")
    assert given.isnan().all()


def test_memory_is_counted_as_long_as_it_is_held():
    with Allocations() as allocations:
        first = torch.zeros(256, 1024)
        view, second = first[:10], first + 1
        assert (allocations.alive, allocations.peak) == (2 * MIB, 2 * MIB)
        del second
        first.add_(1)
        assert allocations.alive == MIB
        del first
        assert allocations.alive == MIB  # the view holds it
        del view
        assert (allocations.alive, allocations.peak) == (0, 2 * MIB)


def test_memory_held_by_a_graph_counts_until_it_is_gone():
    weight = torch.ones(256, 1024, requires_grad=True)
    with Allocations() as allocations:
        total = weight.exp().sin().sum()  # the graph keeps what exp gave
        assert allocations.alive == MIB + 4
        (gradient,) = torch.autograd.grad(total, weight)
        del total
        assert allocations.alive == MIB
        assert allocations.peak >= 2 * MIB
        assert gradient.shape == weight.shape


def test_memory_of_an_image_depends_on_no_batch_and_is_the_same_again(batch, explaining):
    explainer = explaining("saliency")
    maps = explainer.maps(batch)
    together = peak_memory(maps, batch, explainer).scores
    assert torch.equal(peak_memory(maps, batch, explainer).scores, together)
    for i in range(3):
        alone = peak_memory(maps[[i]], batch.select([i]), explainer).scores
        assert alone.item() == together[i].item()


@pytest.mark.parametrize("name", ["center", "grad-cam", "saliency"])
def test_memory_is_at_least_that_of_the_image(name, batch, explaining):
    """The shared pass works on a copy of it."""
    found = peak_memory(torch.rand(3, 32, 24), batch, explaining(name)).scores
    assert (found >= 3 * 32 * 24 * 8 / MIB).all()


def test_a_method_that_holds_more_takes_more(batch, explaining):
    """A gradient for every pixel of three colours, beside the image, against none."""
    maps = torch.rand(3, 32, 24)
    little, much = (peak_memory(maps, batch, explaining(name)).scores for name in ("center", "saliency"))
    assert (much > little).all()
