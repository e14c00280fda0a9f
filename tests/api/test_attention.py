"""Attention and its gradients against a ViT run by hand; what is left behind; who provides it."""

import re

import literal_vit
import nets
import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from literal_vit import NETWORKS, lively
from torch import nn
from xaibench_explainers.attention import (
    attention_grad_cam,
    attention_rollout,
    chefer,
    legrad,
    raw_attention,
)
from xaibench_models.scenes import scenes_vit

import xaibench
from xaibench.api import Explainer, Unsupported
from xaibench.api.attention import attention_stack
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.layout import Tokens
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.needs import why_unsupported
from xaibench.engine.evaluate.stream import Stream
from xaibench.engine.network.prepare import prepared_copy

FIVE = (raw_attention, attention_rollout, chefer, legrad, attention_grad_cam)
NAMES = ("raw-attention", "attention-rollout", "chefer", "legrad", "attention-grad-cam")


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS)
def network(request):
    return lively(**request.param)


@pytest.fixture
def capture(network, batch) -> Capture:
    return Capture(classifier_of(network, (32, 24)), batch)


def test_attention_is_that_of_the_network_run_by_hand(network, capture, batch):
    expected, after = literal_vit.run(network, batch.images)
    for found, weights in zip(capture.attentions.weights, expected, strict=True):
        torch.testing.assert_close(found, weights.detach())
    logits = literal_vit.readout(network, after[-1]).detach()
    torch.testing.assert_close(capture.attentions.logits, logits)


def test_rows_of_attention_add_up_to_one(capture):
    for weights in capture.attentions.weights:
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
        assert (weights >= 0).all()


def test_logits_are_equal_with_and_without_fused_attention(capture):
    assert (capture.attentions.logits - capture.logits).abs().max() < 1e-9


def test_logits_of_trained_weights_in_single_precision_are_equal_too():
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    capture = Capture(scenes_vit(), Batch(tuple("abcd"), images, torch.tensor([0, 3, 5, 9])))
    assert (capture.attentions.logits - capture.logits).abs().max() < 1e-4
    assert capture.attentions.weights[0].shape == (4, 4, 65, 65)


def test_fused_attention_is_off_in_that_pass_and_in_no_other(network, batch, monkeypatch):
    fused = []
    real = F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *a, **k: fused.append(1) or real(*a, **k)
    )
    classifier = classifier_of(network, (32, 24))
    fused.clear()
    capture = Capture(classifier, batch)
    assert len(fused) == 2  # a block each
    _ = capture.attentions
    assert len(fused) == 2
    classifier.logits(batch.images)
    assert len(fused) == 4


def test_gradients_are_finite_differences(network, capture, batch):
    """Of the target logit, for some entries of each block's attention, moved on their own."""
    step = 1e-5
    gradients = capture.attentions.gradients
    for block, gradient in enumerate(gradients):
        assert gradient.abs().max() > 1e-3
        for n, head, query, key in [(0, 0, 0, 1), (1, 2, 0, 7), (2, 1, 5, 3), (0, 1, 9, 9)]:
            change = torch.zeros_like(gradient)
            change[n, head, query, key] = step
            with torch.no_grad():
                ends = [
                    literal_vit.run(network, batch.images, {block: sign * change})[1][-1]
                    for sign in (1, -1)
                ]
                up, down = (literal_vit.logit(network, end, batch.targets) for end in ends)
            expected = (up - down) / (2 * step)
            torch.testing.assert_close(gradient[n, head, query, key], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("block", [0, 1])
def test_own_gradients_are_of_the_logit_read_out_of_that_block(network, capture, batch, block):
    expected = literal_vit.own_gradient(network, batch.images, batch.targets, block)
    torch.testing.assert_close(capture.attentions.own_gradients(block), expected)


def test_own_gradients_of_an_early_block_are_not_those_of_the_logit(capture):
    found = capture.attentions
    assert not torch.allclose(found.own_gradients(0), found.gradients[0])


def state(network: nn.Module) -> list:
    return [
        (
            name,
            module.training,
            getattr(module, "fused_attn", None),
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
            [weight.requires_grad for weight in module.parameters(recurse=False)],
        )
        for name, module in network.named_modules()
    ]


@pytest.mark.parametrize("fails", [False, True], ids=["runs through", "raises half way"])
def test_the_network_is_left_as_it_was(network, batch, fails):
    classifier = classifier_of(network, (32, 24))
    network.train()
    network.blocks[0].eval()
    network.blocks[0].attn.fused_attn = False  # of the user's own choice
    next(network.parameters()).requires_grad_(False)
    capture = Capture(classifier, batch)
    if fails:

        def fail(*_):
            raise RuntimeError("half way")

        network.blocks[1].mlp.register_forward_pre_hook(fail)
    before = state(network)
    if fails:
        with pytest.raises(RuntimeError, match="half way"):
            _ = capture.attentions
    else:
        for explainer in FIVE:
            explainer(capture)
    assert state(network) == before


def test_five_explainers_take_one_forward_and_one_backward_of_the_whole(network, batch, monkeypatch):
    """And LeGrad one of a block alone: its logit is another than the network's."""
    classifier = classifier_of(network, (32, 24))
    capture = Capture(classifier, batch)
    calls, through_the_second_block = [], []
    network.patch_embed.register_forward_pre_hook(lambda *_: calls.append(1))
    for explainer in (raw_attention, attention_rollout, attention_grad_cam, chefer):
        explainer(capture)
    assert (capture.shared.forwards, capture.shared.backwards) == (3, 1)  # three images, one pass
    assert len(calls) == 1
    capture.attentions._seen.tokens[1].register_hook(lambda _: through_the_second_block.append(1))
    legrad(capture)
    assert (capture.shared.forwards, capture.shared.backwards) == (3, 2)
    assert len(calls) == 1
    assert not through_the_second_block  # the second block stayed out of it


def test_an_explainer_that_needs_no_gradient_pays_for_none(capture):
    raw_attention(capture)
    attention_rollout(capture)
    assert capture.shared.backwards == 0


def test_several_classes_of_an_image_still_take_one_forward_and_one_backward(network, batch):
    classifier = classifier_of(network, (32, 24))
    shared = Capture(classifier, batch).shared
    rows, targets = [0, 0, 2], torch.tensor([0, 1, 3])
    trials = Batch(tuple("aac"), batch.images[rows], targets)
    together = Capture(classifier, trials, shared, rows)
    found = together.attentions.gradients[0]
    assert (shared.forwards, shared.backwards) == (3, 1)
    for i in range(3):
        alone = Capture(classifier, trials.select([i])).attentions.gradients[0][0]
        torch.testing.assert_close(found[i], alone)


def test_batch_equals_loop(capture, batch):
    for i in range(3):
        alone = Capture(capture.classifier, batch.select([i])).attentions
        for block in range(2):
            torch.testing.assert_close(alone.weights[block][0], capture.attentions.weights[block][i])
            torch.testing.assert_close(alone.gradients[block][0], capture.attentions.gradients[block][i])
            torch.testing.assert_close(
                alone.own_gradients(block)[0], capture.attentions.own_gradients(block)[i]
            )


def test_the_prepared_copy_gives_the_same_attention():
    classifier = scenes_vit()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    batch = Batch(("a", "b"), images, torch.tensor([0, 3]))
    copied, changes = prepared_copy(classifier, images[:1])
    assert changes.folded > 0
    plain, prepared = (Capture(c, batch).attentions for c in (classifier, copied))
    for one, other in zip(plain.weights, prepared.weights, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def torchvision_vit() -> nn.Module:
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(32, 8, 2, 3, 12, 24, num_classes=4)
    nn.init.normal_(network.heads.head.weight)
    return network.double().eval()


def test_torchvisions_attention_is_what_torch_gives_when_asked_for_it(batch):
    """`need_weights` is no part of torchvision's blocks; its gradients could not be had from there."""
    network = torchvision_vit()
    images = F.interpolate(batch.images, (32, 32))
    asked = []
    modules = [layer.self_attention for layer in network.encoder.layers]
    handles = [
        module.register_forward_hook(
            lambda module, inputs, output: asked.append(
                module.forward(*inputs, need_weights=True, average_attn_weights=False)[1]
            )
        )
        for module in modules
    ]
    network(images)
    for handle in handles:
        handle.remove()
    capture = Capture(classifier_of(network, (32, 32)), Batch(batch.ids, images, batch.targets))
    for found, expected in zip(capture.attentions.weights, asked, strict=True):
        torch.testing.assert_close(found, expected.detach())
    assert (capture.attentions.logits - capture.logits).abs().max() < 1e-9
    assert all(gradient.abs().max() > 0 for gradient in capture.attentions.gradients)
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("make", "size", "prefix", "grid", "read"),
    [
        (lambda: nets.vit_network(), (32, 24), 1, (4, 3), (0,)),
        (lambda: nets.vit_network(reg_tokens=3), (32, 24), 4, (4, 3), (0,)),
        (lambda: nets.vit_network("avg"), (32, 24), 0, (4, 3), tuple(range(12))),
        (lambda: nets.vit_network("map"), (32, 24), 0, (4, 3), tuple(range(12))),
        (torchvision_vit, (32, 32), 1, (4, 4), (0,)),
    ],
    ids=["class token", "registers", "average", "attention pooling", "torchvision"],
)
def test_how_the_tokens_lie_and_which_are_read(make, size, prefix, grid, read):
    stack = classifier_of(make().eval(), size).attention
    assert (stack.prefix, stack.grid, stack.read) == (prefix, grid, read)


@pytest.mark.parametrize(
    ("name", "settings", "size", "prefix", "read"),
    [
        ("deit_tiny_distilled_patch16_224", {"img_size": (48, 32)}, (48, 32), 2, (0, 1)),
        ("eva02_tiny_patch14_224", {"img_size": (42, 28)}, (42, 28), 1, tuple(range(1, 7))),
        ("beit_base_patch16_224", {"img_size": (48, 32), "depth": 2}, (48, 32), 1, tuple(range(1, 7))),
        ("vit_small_patch14_reg4_dinov2", {"img_size": (42, 28), "depth": 2}, (42, 28), 5, (0,)),
    ],
)
def test_timms_families_provide_it(name, settings, size, prefix, read):
    torch.manual_seed(0)
    classifier = classifier_of(timm.create_model(name, **settings).eval(), size)
    assert "attention" in classifier.provides
    assert classifier.attention.grid == (3, 2)
    assert (classifier.attention.prefix, classifier.attention.read) == (prefix, read)


def swin() -> nn.Module:
    torch.manual_seed(0)
    settings = {"img_size": 64, "window_size": 2, "depths": (1, 1), "embed_dim": 12, "num_heads": (2, 2)}
    return timm.create_model("swin_tiny_patch4_window7_224", num_classes=4, **settings).eval()


class Halved(nn.Module):
    def forward(self, weights):
        return weights / 2


def halved() -> nn.Module:
    network = nets.vit_network().eval()
    for block in network.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop = Halved()
    return network


def rescaled() -> nn.Module:
    """A scale that only the written-out form looks at."""
    network = lively()
    for block in network.blocks:
        block.attn.scale *= 3
    return network


def test_attention_over_the_images_of_a_batch_is_refused():
    """torch's default order of axes, given images first: each token attends to those of other images."""
    network = torchvision_vit()
    for layer in network.encoder.layers:
        layer.self_attention.batch_first = False
    images = torch.rand(2, 3, 32, 32, dtype=torch.double)
    with pytest.raises(Unsupported, match=r"not plain self-attention on \(n, T, D\)"):
        attention_stack(network, images, Tokens(1, (4, 4), 12))
    assert not any(module._forward_hooks for module in network.modules())


REFUSED = {
    "CNN": (lambda: timm.create_model("resnet18").eval(), 64, "it has no attention that can be read"),
    "Swin": (swin, 64, "its attention is windowed"),
    "torchvision's Swin": (
        lambda: torchvision.models.swin_transformer.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [2, 2]),
        32,
        "its attention is windowed",
    ),
    "pyramid": (
        lambda: timm.create_model("pvt_v2_b0", depths=(1, 1, 1, 1)).eval(),
        64,
        "its attention is on no grid that is known",
    ),
    "parallel blocks": (
        lambda: timm.create_model("vit_small_patch16_18x2_224", img_size=32, depth=2).eval(),
        32,
        "its blocks with attention do not stand in one row",
    ),
    "no softmax": (halved, (32, 24), "its attention does not add up to 1 over the tokens"),
    "two networks": (rescaled, (32, 24), "its logits are others with fused attention off"),
}


@pytest.mark.parametrize(("make", "size", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_provide_it_says_why(make, size, reason):
    torch.manual_seed(0)
    classifier = classifier_of(make().eval(), size if isinstance(size, tuple) else (size, size))
    assert "attention" not in classifier.provides
    assert classifier.lacks["attention"] == reason
    for name in NAMES:
        assert why_unsupported(installed().explainer(name), classifier) == reason
    height, width = size if isinstance(size, tuple) else (size, size)
    weight = next(classifier.network.parameters())
    images = torch.zeros(1, 3, height, width, dtype=weight.dtype)
    with pytest.raises(Unsupported, match=re.escape(reason)):
        _ = Capture(classifier, Batch(("a",), images, torch.tensor([0]))).attentions


def test_a_cnn_is_refused_by_name_before_anything_runs():
    network = torchvision.models.resnet18().eval()
    with pytest.raises(Unsupported, match="no attention that can be read"):
        xaibench.explain(network, torch.zeros(1, 3, 64, 64), explainer="chefer")


def test_a_classifier_made_by_hand_without_it_says_so(batch):
    explainer = Explainer(name="a", at="b:c", needs=("attention",))
    assert why_unsupported(explainer, nets.gap()) == "it provides no attention"


def test_rows_say_who_made_the_pass(batch):
    """The first explainer to look has made it; images sent forward and passes back, for one image."""
    classifier = nets.vit()
    capture = Capture(classifier, batch)
    specs = [installed().explainer(name) for name in NAMES]
    found = explain(capture, specs, Stream(classifier.logits, 4))
    outcomes = [found[name].outcome for name in NAMES]
    assert [outcome.status for outcome in outcomes] == ["ok"] * 5
    assert [outcome.forwards for outcome in outcomes] == [1, 0, 0, 0, 0]
    assert [3 * outcome.backwards for outcome in outcomes] == pytest.approx([0, 0, 1, 1, 0])
