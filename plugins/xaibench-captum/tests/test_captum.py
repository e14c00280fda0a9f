"""Captum's methods keep the contract, and are ours where they are the same by definition."""

from functools import cache

import pytest
import torch
from torch import nn
from xaibench_captum import xaibench_explainers
from xaibench_captum.ablation import feature_ablation, occlusion
from xaibench_captum.gradients import integrated_gradients
from xaibench_captum.lending import lent, steps_of
from xaibench_explainers.integrated_gradients import integrated_gradients as our_integrated_gradients

from xaibench.api import Unsupported
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import BROKEN, judge
from xaibench.testing.common.tiny_networks import (
    NETWORKS,
    PREPROCESS,
    a_batch,
    pooled,
    transformer,
    two_layers,
)
from xaibench.testing.explainers.explainer_contract import CONTRACT, ExplainerSubject
from xaibench.testing.explainers.explainer_trial import explained

SPECS = {spec.name: spec for spec in xaibench_explainers()}
SAME = ["saliency", "input-x-gradient", "guided-backprop"]


@cache
def subject(name):
    return ExplainerSubject(SPECS[name], NETWORKS)


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", SPECS)
def test_a_method_keeps_the_contract(name, clause):
    verdict = judge(subject(name), clause)
    assert verdict.status != BROKEN, verdict


def correlation(one, other):
    """The least of the images'."""
    pairs = zip(one.flatten(1), other.flatten(1), strict=True)
    return min(float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs)


@pytest.mark.parametrize("make", [pooled, two_layers], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [*((f"captum-{name}", name) for name in SAME), ("captum-layer-grad-cam", "grad-cam")],
)
def test_what_is_the_same_by_definition_is_the_same(theirs, ours, make):
    capture = Capture(make(), a_batch())
    found = [explained(spec, capture) for spec in (SPECS[theirs], installed().explainer(ours))]
    flat = [float(maps.std()) == 0 for maps in found]
    assert not any(flat)
    assert correlation(*found) > 0.9999
    torch.testing.assert_close(*found)


def test_integrated_gradients_are_the_same_by_the_same_rule_and_steps():
    capture = Capture(transformer(), a_batch())
    theirs = integrated_gradients(capture, steps=20, rule="riemann_middle")
    ours = our_integrated_gradients(capture, steps=20, tolerance=float("inf"))
    request = next(ours)
    with pytest.raises(StopIteration) as stopped:
        ours.send(torch.zeros(3, request.count, dtype=torch.double))
    assert correlation(theirs, stopped.value.value) > 0.9999
    torch.testing.assert_close(theirs, stopped.value.value)


def test_deep_lift_and_lrp_are_complete():
    """Of ReLUs without biases, LRP is input times gradient; DeepLift sums to the difference."""
    classifier = pooled()
    batch = a_batch()
    grey = classifier.logits(torch.zeros_like(batch.images[:1]))
    gained = (classifier.logits(batch.images) - grey).gather(1, batch.targets[:, None])[:, 0]
    found = explained(SPECS["captum-deep-lift"], Capture(classifier, batch))
    torch.testing.assert_close(found.sum((1, 2)), gained)
    for name in ("0", "4"):
        nn.init.zeros_(classifier.network.get_submodule(name).bias)
    capture = Capture(classifier, batch)
    plain = explained(SPECS["captum-input-x-gradient"], capture)
    assert correlation(explained(SPECS["captum-lrp"], capture), plain) > 0.9999


def test_feature_ablation_is_the_logits_drop_of_each_piece():
    capture = Capture(pooled(), a_batch())
    maps = feature_ablation(capture, parts=2)
    images = capture.batch.images.clone()
    images[:, :, 16:, :12] = 0
    drop = capture.logits - capture.classifier.logits(images)
    expected = drop.gather(1, capture.batch.targets[:, None])[:, 0]
    torch.testing.assert_close(maps[:, 20, 3], expected)
    assert maps.flatten(1).unique(dim=1).shape[1] == 4


def test_occlusion_is_the_mean_drop_of_the_windows_that_cover_a_pixel():
    capture = Capture(pooled(), a_batch())
    maps = occlusion(capture, window=1 / 2, stride=1 / 4)
    images = capture.batch.images.clone()
    images[:, :, :16, :12] = 0  # the first pixel is under the first window alone
    drop = (capture.logits - capture.classifier.logits(images)).gather(1, capture.batch.targets[:, None])
    # Captum counts windows in float32.
    torch.testing.assert_close(maps[:, 0, 0].float(), drop[:, 0].float())


class Functional(nn.Module):
    """A ReLU that is no module, and a sum outside of one."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3, padding=1)
        self.second = nn.Conv2d(5, 5, 3, padding=1)
        self.out, self.head = nn.Identity(), nn.Linear(5, 4)

    def forward(self, images):
        first = torch.relu(self.first(images))
        return self.head(self.out(first + self.second(first)).mean((2, 3)))


def functional():
    network = Functional().double()
    return Classifier(network, (TargetLayer("out", network.out),), PREPROCESS)


def reused():
    relu = nn.ReLU()
    steps = nn.Conv2d(3, 5, 3), relu, nn.Conv2d(5, 5, 3), relu
    network = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)).double()
    return Classifier(network, (TargetLayer("2", network[2]),), PREPROCESS)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("captum-guided-backprop", functional, "calls relu as a function"),
        ("captum-guided-backprop", transformer, "is for ReLU; this network has gelu"),
        ("captum-deconvolution", functional, "calls relu as a function"),
        ("captum-deep-lift", functional, "calls relu as a function"),
        ("captum-deep-lift", transformer, "has no rule for gelu"),
        ("captum-deep-lift", reused, "needs modules used once; ReLU is not"),
        ("captum-lrp", functional, "rules for modules alone; this network calls add, mean, relu"),
        ("captum-lrp", reused, "needs modules used once; ReLU is not"),
        ("captum-layer-grad-cam", transformer, "takes channels first; the target layer gives tokens"),
    ],
)
def test_where_captum_cannot_it_says_why(name, make, reason):
    with pytest.raises(Unsupported, match=reason):
        explained(SPECS[name], Capture(make(), a_batch()))


def test_a_module_without_a_rule_is_named():
    network = pooled().network
    network[1] = nn.Hardtanh()
    classifier = Classifier(network, (TargetLayer("1", network[1]),), PREPROCESS)
    with pytest.raises(Unsupported, match=r"Captum's LRP: .*Hardtanh.* has no rule"):
        explained(SPECS["captum-lrp"], Capture(classifier, a_batch()))


def test_the_copy_shares_weights_and_works_on_nothing_in_place():
    capture = Capture(pooled(), a_batch())
    with lent(capture) as copied:
        assert copied[0].weight is capture.classifier.network[0].weight
        assert copied[1] is not capture.classifier.network[1]
        assert not copied[1].inplace
        assert steps_of(copied, capture.batch.images[:1]).activations == {"relu"}
    assert capture.classifier.network[1].inplace
    with lent(capture, own_weights=True) as copied:
        assert copied[0].weight is not capture.classifier.network[0].weight
