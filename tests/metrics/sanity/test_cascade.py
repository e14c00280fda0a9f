import copy
import gc
import weakref
from itertools import pairwise

import nets
import pytest
import torch
from nets import NETS
from torch import nn
from xaibench_metrics.sanity.cascade import cascade, redrawn, run_order, stages_of

from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.engine.network.prepare import prepared_copy

SIZE = (32, 24)


def owners(network):
    return {path for path, module in network.named_modules() if list(module.parameters(recurse=False))}


def changed(classifier, other):
    """Paths of the modules of which a parameter is another."""
    theirs = dict(other.network.named_parameters())
    return {
        name.rpartition(".")[0]
        for name, weight in classifier.network.named_parameters()
        if not torch.equal(weight, theirs[name])
    }


def normed() -> Classifier:
    """Three convolutions with batch norms that have seen something else than noise."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, nets.CLASSES)),
    ).double()
    for norm in (network[1], network[4], network[7]):
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(0.5, 2)
    network.eval()
    return Classifier(network, (TargetLayer("8", network[8]),), head=network[11])


class PyTorchsAttention(nn.Module):
    """Its last projection is a module that nobody calls."""

    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(12, 3, batch_first=True)

    def forward(self, tokens):
        return self.inner(tokens, tokens, tokens, need_weights=False)[0]


def test_each_stage_is_drawn_anew_and_stays_so(classifier):
    stages = stages_of(classifier.network, SIZE, 10)
    done: set[str] = set()
    for paths, network in zip(stages, cascade(classifier, SIZE), strict=True):
        done |= set(paths)
        # a batch norm or a zero bias may be drawn as it was; a weight of two dimensions may not
        assert changed(classifier, network) <= done
        assert {path for path in done if heavy(classifier, path)} <= changed(classifier, network)
    assert done == owners(classifier.network)
    assert sum(map(len, stages)) == len(done)


def heavy(classifier, path):
    own = classifier.network.get_submodule(path).parameters(recurse=False)
    return any(weight.ndim > 1 for weight in own)


def test_the_logits_layer_is_first():
    assert stages_of(nets.deep().network, SIZE, 10) == [["6"], ["2"], ["0"]]
    assert stages_of(nets.vit().network, SIZE, 10)[0] == ["head"]


def test_norms_go_with_the_convolution_before_them():
    assert stages_of(normed().network, SIZE, 10) == [["11"], ["6", "7"], ["3", "4"], ["0", "1"]]


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_there_are_no_more_stages_than_asked_for(most):
    network = nets.vit().network
    stages = stages_of(network, SIZE, most)
    if most > 1:
        assert len(stages) == most
        sizes = [sum(heavy(nets.vit(), path) for path in paths) for paths in stages[1:]]
        assert max(sizes) - min(sizes) <= 1
    assert {path for paths in stages for path in paths} <= owners(network)


def test_a_vit_loses_its_class_token_and_positions_last():
    classifier = nets.vit()
    order = run_order(classifier.network, SIZE)
    assert order[:2] == ["", "patch_embed.proj"]
    assert order[-1] == "head"
    before, after = (c.network for c in cascade(classifier, SIZE)[-2:])
    assert torch.equal(before.pos_embed, classifier.network.pos_embed)
    assert not torch.equal(after.pos_embed, classifier.network.pos_embed)
    assert not torch.equal(after.cls_token, classifier.network.cls_token)


def test_what_cannot_reset_itself_keeps_its_mean_and_deviation():
    holder = nn.Module()
    holder.token = nn.Parameter(3 + 0.5 * torch.randn(1, 1, 20_000))
    holder.temperature = nn.Parameter(torch.tensor(4.6))
    drawn = redrawn(holder, 1)
    assert drawn["token"].mean().item() == pytest.approx(3, abs=0.02)
    assert drawn["token"].std().item() == pytest.approx(0.5, abs=0.02)
    assert torch.corrcoef(torch.stack([drawn["token"], holder.token]).flatten(1))[0, 1].abs() < 0.05
    assert drawn["temperature"].item() == pytest.approx(4.6)  # one number says nothing of an image


def test_a_reset_that_leaves_a_weight_is_no_reset():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(50))

        def reset_parameters(self):
            pass

    lazy = Lazy()
    assert not torch.equal(redrawn(lazy, 0)["scale"], lazy.scale)


def test_modules_reset_themselves_as_when_they_were_made():
    conv = nn.Conv2d(3, 5, 3).double()
    drawn = redrawn(conv, 7)
    torch.manual_seed(7)
    fresh = copy.deepcopy(conv)
    fresh.reset_parameters()
    assert torch.equal(drawn["weight"], fresh.weight)
    assert torch.equal(drawn["bias"], fresh.bias)


def test_pytorchs_attention_is_drawn_anew_with_its_projection():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(2), nn.Linear(SIZE[0] * SIZE[1], 12), PyTorchsAttention())
    assert stages_of(network, SIZE, 10) == [["2.inner.out_proj"], ["2.inner"], ["1"]]
    drawn = redrawn(network[2].inner, 0)
    assert not torch.equal(drawn["in_proj_weight"], network[2].inner.in_proj_weight)


@pytest.mark.parametrize("statistics", ["kept", "measured"])
def test_the_classifiers_own_network_is_not_touched(classifier, statistics):
    sha, state = classifier.weights_sha(), torch.get_rng_state()
    weights = list(classifier.network.parameters())
    cascade(classifier, SIZE, statistics=statistics)
    assert classifier.weights_sha() == sha
    assert all(a is b for a, b in zip(weights, classifier.network.parameters(), strict=True))
    assert all(weight.requires_grad for weight in weights)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_pre_hooks for module in classifier.network.modules())


@pytest.mark.parametrize("make", NETS)
def test_the_copies_are_looked_into_at_their_own_layers(make, batch):
    classifier = make()
    for copied in cascade(classifier, SIZE):
        assert copied.network is not classifier.network
        modules = dict(copied.network.named_modules())
        for layer in copied.target_layers:
            assert modules[layer.name] is layer.module
        capture = Capture(copied, batch)
        assert capture.gradients.isfinite().all()
        if copied.head is not None:  # the copy's own: its logits come out of it
            logits = copied.head(capture.activations.mean((2, 3)))
            torch.testing.assert_close(logits.detach(), capture.logits)


def test_what_is_drawn_depends_on_seed_and_path_alone():
    coarse, fine = cascade(nets.vit(), SIZE, 3)[-1], cascade(nets.vit(), SIZE, 10)[-1]
    for a, b in zip(coarse.network.parameters(), fine.network.parameters(), strict=True):
        assert torch.equal(a, b)
    other = cascade(nets.vit(), SIZE, 3, seed=1)[-1]
    assert not torch.equal(coarse.network.head.weight, other.network.head.weight)


def test_batch_norms_keep_their_statistics_but_not_their_weights():
    classifier = normed()
    copied = cascade(classifier, SIZE)[-1].network
    for path in (1, 4, 7):
        assert torch.equal(copied[path].running_mean, classifier.network[path].running_mean)
        assert copied[path].weight.tolist() == [1] * copied[path].num_features


def test_measured_statistics_are_those_of_noise():
    """A literal pass: what reaches each norm, its mean and variance, then the normed values on."""
    classifier = normed()
    stages = cascade(classifier, SIZE, statistics="measured")
    copied = stages[-1].network
    images = torch.randn(16, 3, *SIZE, generator=torch.Generator().manual_seed(0)).double()
    for module in copied:
        if isinstance(module, nn.BatchNorm2d):
            torch.testing.assert_close(module.running_mean, images.mean((0, 2, 3)), atol=1e-6, rtol=1e-6)
            torch.testing.assert_close(module.running_var, images.var((0, 2, 3)), atol=1e-6, rtol=1e-4)
            mean, spread = images.mean((0, 2, 3)), images.var((0, 2, 3), correction=0)
            images = (images - mean[:, None, None]) / (spread + module.eps).sqrt()[:, None, None]
        else:
            images = module(images).detach()
        assert not module.training
    halfway = stages[1].network
    assert torch.equal(halfway[1].running_mean, classifier.network[1].running_mean)
    assert not torch.equal(halfway[7].running_mean, classifier.network[7].running_mean)


def test_a_prepared_copy_can_be_drawn_anew_too(batch):
    prepared, changes = prepared_copy(normed(), batch.images[:1])
    assert changes.folded == 3
    stages = cascade(prepared, SIZE)
    assert len(stages) == 4
    logits = [prepared.logits(batch.images), *(copied.logits(batch.images) for copied in stages)]
    for one, next_one in pairwise(logits):
        assert next_one.isfinite().all()
        assert not torch.allclose(one, next_one)


def test_they_are_made_once_and_forgotten_with_the_classifier():
    classifier = nets.gap()
    found = cascade(classifier, SIZE)
    assert cascade(classifier, SIZE) is found
    assert cascade(classifier, SIZE, seed=1) is not found
    alive = weakref.ref(found[-1])
    del found, classifier
    gc.collect()
    assert alive() is None


def test_the_copies_take_the_memory_of_one_more_network():
    classifier = nets.vit()
    own = {weight.data_ptr() for weight in classifier.network.parameters()}
    theirs = {w.data_ptr() for c in cascade(classifier, SIZE) for w in c.network.parameters()}
    assert len(theirs - own) == len(own)
