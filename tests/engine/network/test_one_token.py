"""The token that is read runs alone from the last attention on: the same network, to all who look."""

import copy
from dataclasses import replace

import nets
import pytest
import timm
import torch
import torchvision
from literal_vit import lively
from timm.models.vision_transformer import Attention
from torch import nn
from xaibench_models.scenes import scenes_vit

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import TargetLayer
from xaibench.api.resolve import classifier_of
from xaibench.engine.network.one_token import Alone, Asking, ask_alone, run_alone
from xaibench.engine.network.prepare import prepare_network

IMAGES = torch.randn(3, 3, 32, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BATCH = Batch(("a", "b", "c"), IMAGES, torch.tensor([0, 2, 1]))


def torchvisions():
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(32, 8, 2, 3, 12, 24, num_classes=4)
    nn.init.normal_(network.heads.head.weight)
    return classifier_of(network.double().eval(), (32, 32))


def of_timm(name, size, **settings):
    torch.manual_seed(0)
    return classifier_of(timm.create_model(name, img_size=size, **settings).eval(), size)


def alone_copy(classifier, size=(32, 24)):
    """A copy of which the one token runs alone, and whether it does."""
    copied = copy.deepcopy(classifier)
    return copied, run_alone(copied, images_for(classifier, size)[:1])


def asking_copy(classifier, size=(32, 24)):
    """A copy of which the one token runs alone and asks alone, and whether it asks."""
    copied, alone = alone_copy(classifier, size)
    assert alone
    asking = ask_alone(copied, images_for(classifier, size)[:1])
    return asking, asking is not copied


def images_for(classifier, size):
    weight = next(classifier.network.parameters())
    return torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(1)).to(weight)


MADE = {
    "timm": (lambda: classifier_of(lively(), (32, 24)), (32, 24)),
    "registers": (lambda: classifier_of(lively(reg_tokens=2), (32, 24)), (32, 24)),
    "layer scale": (lambda: classifier_of(lively(init_values=0.3), (32, 24)), (32, 24)),
    "torchvision": (torchvisions, (32, 32)),
    "ours": (scenes_vit, (64, 64)),
    "dinov2": (lambda: of_timm("vit_small_patch14_reg4_dinov2", (42, 28), depth=2), (42, 28)),
}


@pytest.mark.parametrize("changed", [alone_copy, asking_copy])
@pytest.mark.parametrize("name", MADE)
def test_the_same_comes_out_and_comes_back(name, changed):
    make, size = MADE[name]
    classifier = make()
    copied, does = changed(classifier, size)
    assert does
    images = images_for(classifier, size)
    plain, ours = SharedPass(classifier, images), SharedPass(copied, images)
    close = {"rtol": 1e-5, "atol": 1e-5 * float(plain.logits.abs().max())}
    torch.testing.assert_close(ours.logits, plain.logits, **close)
    targets = torch.tensor([0, 2, 1])
    for found, expected in zip(
        ours.logit_gradients(range(3), targets), plain.logit_gradients(range(3), targets), strict=True
    ):
        atol = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("changed", [alone_copy, asking_copy])
def test_in_float64_it_is_exact(changed):
    classifier = classifier_of(lively(), (32, 24))
    copied, _ = changed(classifier)
    plain, ours = Capture(classifier, BATCH), Capture(copied, BATCH)
    torch.testing.assert_close(ours.logits, plain.logits, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.gradients, plain.gradients, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(ours.image_gradients, plain.image_gradients, rtol=1e-10, atol=1e-12)


def test_one_token_goes_on_behind_the_last_attention():
    copied, _ = alone_copy(classifier_of(lively(), (32, 24)))
    (norm,) = [module for module in copied.network.modules() if isinstance(module, Alone)]
    assert copied.network.blocks[1].norm2 is norm
    assert norm(torch.zeros(5, 13, 12).double()).shape == (5, 1, 12)


@pytest.mark.parametrize("changed", [alone_copy, asking_copy])
@pytest.mark.parametrize(
    "hooked", ["blocks.1", "blocks.1.attn", "blocks.1.mlp.fc1", "blocks.1.norm2", "norm", "blocks"]
)
def test_who_looks_sees_all_tokens(hooked, changed):
    classifier = classifier_of(lively(), (32, 24))
    copied, _ = changed(classifier)
    seen = []
    for network in (classifier.network, copied.network):
        handle = network.get_submodule(hooked).register_forward_hook(
            lambda *given: seen.append(given[2])
        )
        network(IMAGES)
        handle.remove()
    torch.testing.assert_close(seen[1], seen[0])


def test_who_looks_at_what_comes_back_sees_it_of_all_tokens():
    classifier = classifier_of(lively(), (32, 24))
    copied, _ = alone_copy(classifier)
    seen = []
    for network in (classifier.network, copied.network):
        layer = network.get_submodule("blocks.1.mlp.fc1")
        handle = layer.register_full_backward_hook(lambda *given: seen.append(given[1][0]))
        network(IMAGES.clone().requires_grad_()).sum().backward()
        handle.remove()
    torch.testing.assert_close(seen[1], seen[0])


@pytest.mark.parametrize("changed", [alone_copy, asking_copy])
def test_the_attention_of_every_block_is_the_same(changed):
    classifier = classifier_of(lively(), (32, 24))
    copied, _ = changed(classifier)
    plain, ours = (Capture(each, BATCH).attentions for each in (classifier, copied))
    for one, other in zip(
        [*plain.weights, *plain.gradients], [*ours.weights, *ours.gradients], strict=True
    ):
        torch.testing.assert_close(other, one)
    torch.testing.assert_close(ours.own_gradients(0), plain.own_gradients(0))


def last_attention(copied):
    (asking,) = [module for module in copied.network.modules() if isinstance(module, Asking)]
    return asking


def test_one_token_asks_the_last_attention():
    copied, _ = asking_copy(classifier_of(lively(), (32, 24)))
    assert copied.network.blocks[1].attn is last_attention(copied)
    assert last_attention(copied)(torch.zeros(5, 13, 12).double()).shape == (5, 1, 12)


def test_no_key_or_value_is_made_for_it():
    copied, _ = asking_copy(classifier_of(lively(), (32, 24)))
    last_attention(copied).attention.qkv.forward = None  # which would raise
    copied.logits(IMAGES)


def test_of_torchs_attention_it_asks_for_itself_alone():
    classifier = torchvisions()
    copied, _ = asking_copy(classifier, (32, 32))
    shapes = []
    asked = last_attention(copied).attention
    forward = asked.forward  # no hook: to who hooks it, all tokens ask
    asked.forward = lambda query, *more, **settings: (
        shapes.append(query.shape) or forward(query, *more, **settings)
    )
    copied.logits(images_for(classifier, (32, 32)))
    assert shapes == [(3, 1, 12)]


class Masked(nn.Module):
    """Attention that takes a mask, and here gives what it was given."""

    def forward(self, tokens, attn_mask=None):
        return tokens, attn_mask


def test_a_mask_is_obeyed():
    tokens, mask = torch.randn(2, 13, 12), torch.ones(13, 13, dtype=torch.bool).tril()
    assert Asking(Masked(), 0, ())(tokens, attn_mask=mask) == (tokens, mask)


class Gated(Attention):
    """Attention that does more than its weights say."""

    def forward(self, tokens, **settings):
        return super().forward(tokens, **settings) * tokens.sigmoid()


def gated(**settings):
    network = lively(**settings)
    network.blocks[1].attn.__class__ = Gated
    return classifier_of(network, (32, 24))


def gated_and_scaled_down():
    """Its attention does so little that the logits of one image do not tell one from another."""
    classifier = gated(init_values=1.0)
    nn.init.constant_(classifier.network.blocks[1].ls1.gamma, 1e-9)
    return classifier


def looked_into(path):
    classifier = classifier_of(lively(), (32, 24))
    (layer,) = classifier.target_layers
    module = classifier.network.get_submodule(path)
    return replace(classifier, target_layers=(TargetLayer(path, module, layer.to_grid, layer.layout),))


@pytest.mark.parametrize(
    "make",
    [
        gated,
        gated_and_scaled_down,
        lambda: classifier_of(lively(qk_norm=True), (32, 24)),
        lambda: looked_into("blocks.1.attn.proj"),
        lambda: looked_into("blocks.1.attn"),
    ],
    ids=["gated", "gated and scaled down", "norms of queries", "looked into", "looked at"],
)
def test_an_attention_that_does_more_or_is_looked_into_is_asked_by_all(make):
    classifier = make()
    copied, asks = asking_copy(classifier)
    assert not asks
    torch.testing.assert_close(copied.logits(IMAGES), classifier.logits(IMAGES))


@pytest.mark.parametrize(
    "make",
    [
        lambda: classifier_of(lively(pool="avg"), (32, 24)),
        lambda: of_timm("deit_tiny_distilled_patch16_224", (48, 32), depth=2),
        lambda: replace(classifier_of(lively(), (32, 24)), attention=None),
        lambda: of_timm("vit_small_patch16_18x2_224", (32, 32), depth=2),
        nets.gap,
        *(lambda path=path: looked_into(path) for path in ("blocks.1", "blocks.1.norm2", "norm")),
    ],
    ids=[
        "pooled",
        "two are read",
        "not known",
        "side by side",
        "convolutions",
        "block",
        "norm2",
        "norm",
    ],
)
def test_elsewhere_nothing_is_changed(make):
    classifier = make()
    copied, alone = alone_copy(classifier)
    assert not alone
    assert list(copied.network.state_dict()) == list(classifier.network.state_dict())


class Mixing(nn.Module):
    """A perceptron whose tokens look at each other."""

    def forward(self, tokens):
        return tokens.flip(1)


class Numbered(nn.Module):
    """One that has a weight for each token, the last for the last."""

    def forward(self, tokens):
        return tokens * torch.arange(1, 14, dtype=tokens.dtype)[-tokens.shape[1] :, None]


@pytest.mark.parametrize("module", [Mixing, Numbered])
def test_tokens_that_do_not_go_their_own_way_are_left_together(module):
    network = lively()
    network.blocks[1].mlp = module()
    classifier = classifier_of(network, (32, 24))
    copied, alone = alone_copy(classifier)
    assert not alone
    torch.testing.assert_close(copied.logits(IMAGES), classifier.logits(IMAGES))


def test_the_prepared_network_says_whether_a_token_runs_alone():
    changes = prepare_network(scenes_vit(), torch.zeros(1, 3, 64, 64)).changes
    assert (changes.alone, changes.asks_alone) == (True, True)
    changes = prepare_network(nets.gap(), torch.zeros(1, 3, 32, 24).double()).changes
    assert (changes.alone, changes.asks_alone) == (False, False)
