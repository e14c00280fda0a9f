"""Networks that several explainers are asked about are run once, and change no map."""

import nets
import pytest
import torch

from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.evaluate.other_networks import OtherNetworks, size_of

NAMES = ("grad-cam", "layer-cam", "score-cam", "saliency")


@pytest.fixture
def others():
    return [nets.gap() for _ in range(3)]


def asked(names, known, batch, others, classifier):
    """Each explainer about each network, and what it took."""
    again = [Again(installed().explainer(name), classifier, 5, others=known) for name in names]
    maps = [[one.maps(batch, other) for other in others] for one in again]
    return maps, [one.forwards for one in again]


def test_a_network_is_forwarded_once_for_all_explainers_and_their_maps_are_the_same(batch, others):
    together, forwards = asked(NAMES, OtherNetworks(), batch, others, nets.gap())
    alone = [asked([name], OtherNetworks(), batch, others, nets.gap()) for name in NAMES]
    for found, ((expected,), _) in zip(together, alone, strict=True):
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)
    shared = len(others) * len(batch.ids)
    spared = [own - made for (_, (own,)), made in zip(alone, forwards, strict=True)]
    assert spared == [0, *[shared] * (len(NAMES) - 1)]


def test_the_same_question_again_costs_nothing(batch, others):
    again = Again(installed().explainer("score-cam"), nets.gap(), 5)
    first = [again.maps(batch, other) for other in others]
    forwards = again.forwards
    for one, other in zip(first, others, strict=True):
        assert again.maps(batch, other) is one
    assert again.forwards == forwards


def test_maps_are_kept_of_one_explainer_only(batch, others):
    known = OtherNetworks()
    asked(NAMES[:2], known, batch, others, nets.gap())
    assert (known.asked_by, len(known.cached)) == ("layer-cam", len(others))


def test_other_images_and_other_classes_are_not_taken_for_the_same(batch, others):
    again = Again(installed().explainer("grad-cam"), nets.gap(), 5)
    found = again.maps(batch, others[0])
    part = batch.select([1, 2])
    torch.testing.assert_close(again.maps(part, others[0]), found[1:])
    wanted = (batch.targets + 1) % nets.CLASSES
    other = type(batch)(batch.ids, batch.images, wanted, batch.seeds)
    expected = Again(installed().explainer("grad-cam"), nets.gap(), 5).maps(other, others[0])
    forwards = again.forwards
    assert torch.equal(again.maps(other, others[0]), expected)
    assert not torch.equal(expected, found)
    assert again.forwards == forwards  # the images are the same: their pass is


def test_what_is_kept_is_bounded(batch, others):
    one = size_of(OtherNetworks().forward(others[0], batch.images)[0])
    known = OtherNetworks(most=2 * one)
    made = [known.forward(other, batch.images)[1] for other in (*others, others[0], others[2])]
    assert made == [3, 3, 3, 3, 0]
    assert len(known.passes) == 2


def test_the_model_itself_is_asked_afresh(batch):
    """Its cost is what some metrics measure."""
    again = Again(installed().explainer("grad-cam"), nets.gap(), 5)
    again.maps(batch)
    again.maps(batch)
    assert again.forwards == 2 * len(batch.ids)
