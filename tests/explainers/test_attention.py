"""Attention explainers against their formulas, written out as loops on a ViT that is run by hand."""

from itertools import product

import literal_vit
import pytest
import torch
from literal_vit import NETWORKS, lively
from torch import nn
from xaibench_explainers.attention import (
    attention_grad_cam,
    attention_rollout,
    chefer,
    legrad,
    raw_attention,
    relevance,
    rollout,
)

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed

AGNOSTIC = (raw_attention, attention_rollout)
OF_A_CLASS = (chefer, legrad, attention_grad_cam)
FIVE = AGNOSTIC + OF_A_CLASS
SIZE = (32, 24)


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS)
def network(request):
    return lively(**request.param)


@pytest.fixture
def capture(network, batch) -> Capture:
    return Capture(classifier_of(network, SIZE), batch)


def rows_read(network):
    """The class token's row, or those of the patches."""
    prefix = network.num_prefix_tokens
    return [0] if network.global_pool == "token" else range(prefix, prefix + 12)


def mean_of_rows(network, matrix):
    """(T, T) to (4, 3): mean over the rows read, columns of the patches."""
    cells = torch.zeros(4, 3, dtype=matrix.dtype)
    for y, x in product(range(4), range(3)):
        column = network.num_prefix_tokens + 3 * y + x
        cells[y, x] = sum(matrix[row, column] for row in rows_read(network)) / len(rows_read(network))
    return cells


def head_mean(matrices):
    return sum(matrices) / len(matrices)


def times(left, right):
    """A matrix product as sums."""
    size = len(left)
    product_ = torch.zeros_like(left)
    for i, j in product(range(size), range(size)):
        product_[i, j] = sum(left[i, k] * right[k, j] for k in range(size))
    return product_


def literal_raw(network, attentions, gradients):
    return mean_of_rows(network, head_mean(attentions[-1]))


def literal_rollout(network, attentions, gradients):
    """Rows of attention plus skip divided by their sums; the last block leftmost."""
    rolled = None
    for heads in attentions:
        mixed = head_mean(heads).clone()
        for i in range(len(mixed)):
            mixed[i, i] += 1
        for i in range(len(mixed)):
            mixed[i] = mixed[i] / sum(mixed[i])
        rolled = mixed if rolled is None else times(mixed, rolled)
    return mean_of_rows(network, rolled)


def literal_chefer(network, attentions, gradients):
    """Eqs. 5 and 6, from the identity."""
    start = torch.eye(len(attentions[0][0]), dtype=torch.double)
    total = start
    for heads, slopes in zip(attentions, gradients, strict=True):
        mean = torch.zeros_like(start)
        for head, slope in zip(heads, slopes, strict=True):
            for i, j in product(range(len(mean)), range(len(mean))):
                mean[i, j] += max(slope[i, j] * head[i, j], 0) / len(heads)
        total = total + times(mean, total)
    offset = 0 if network.global_pool == "token" else 1 / 12  # each patch's own start, in the mean
    return mean_of_rows(network, total) - offset


def literal_grad_cam(network, attentions, gradients):
    """Each head weighted by the mean of its gradients over the patches' columns of the rows read."""
    cells = torch.zeros(4, 3, dtype=torch.double)
    for head, slope in zip(attentions[-1], gradients[-1], strict=True):
        weight = mean_of_rows(network, slope).sum() / 12
        cells += weight * mean_of_rows(network, head) / len(attentions[-1])
    return cells.clamp(min=0)


@pytest.mark.parametrize(
    ("explainer", "literal"),
    [
        (raw_attention, literal_raw),
        (attention_rollout, literal_rollout),
        (chefer, literal_chefer),
        (attention_grad_cam, literal_grad_cam),
    ],
    ids=["raw-attention", "attention-rollout", "chefer", "attention-grad-cam"],
)
def test_agrees_with_the_paper(network, capture, batch, explainer, literal):
    attentions = [weights.detach() for weights in literal_vit.run(network, batch.images)[0]]
    gradients = literal_vit.logit_gradients(network, batch.images, batch.targets)
    found = explainer(capture)
    assert found.shape == (3, 4, 3)
    for i in range(3):
        ours = [weights[i] for weights in attentions]
        expected = literal(network, ours, [gradient[i] for gradient in gradients])
        torch.testing.assert_close(found[i], expected)


@pytest.mark.parametrize("layers", [1, 2, 12])
def test_legrad_agrees_with_the_paper(network, capture, batch, layers):
    """Block by block, head by head; all blocks where there are fewer than asked for."""
    used = range(max(0, 2 - layers), 2)
    expected = torch.zeros(3, 4, 3, dtype=torch.double)
    for block in used:
        gradient = literal_vit.own_gradient(network, batch.images, batch.targets, block)
        _, heads, tokens, _ = gradient.shape
        for i, y, x in product(range(3), range(4), range(3)):
            column = network.num_prefix_tokens + 3 * y + x
            for head, query in product(range(heads), range(tokens)):
                positive = max(gradient[i, head, query, column], 0)
                expected[i, y, x] += positive / heads / tokens / len(used)
    torch.testing.assert_close(legrad(capture, layers=layers), expected)


def test_the_default_of_legrad_is_the_last_two_blocks(capture):
    assert torch.equal(legrad(capture), legrad(capture, layers=2))


def attention_matrices(blocks):
    noise = torch.randn(blocks, 2, 7, 7, dtype=torch.double, generator=torch.Generator().manual_seed(3))
    return list(noise.softmax(-1))


def test_rolled_out_rows_add_up_to_one():
    rolled = rollout(attention_matrices(5))
    torch.testing.assert_close(rolled.sum(-1), torch.ones(2, 7, dtype=torch.double))


def test_the_rollout_of_one_block_is_half_attention_half_skip():
    (attention,) = attention_matrices(1)
    torch.testing.assert_close(rollout([attention]), (attention + torch.eye(7)) / 2)


def test_dividing_by_columns_as_a_much_forked_rollout_does_is_another_method():
    """`a / a.sum(dim=-1)` without `keepdim` divides entry (i, j) by the sum of row j."""
    first, second = attention_matrices(2)
    wrong = torch.eye(7, dtype=torch.double)
    for attention in (first[0], second[0] * torch.arange(1, 8)[:, None]):  # rows of different sums
        mixed = attention + torch.eye(7)
        wrong = mixed / mixed.sum(-1) @ wrong
    assert (wrong.sum(-1) - 1).abs().max() > 0.1
    uneven = rollout([first, second * torch.arange(1, 8)[:, None]])
    torch.testing.assert_close(uneven.sum(-1), torch.ones(2, 7, dtype=torch.double))


def test_relevance_without_gradients_is_the_identity():
    weights = [matrix[:, None] for matrix in attention_matrices(3)]
    total = relevance(weights, [torch.zeros_like(matrix) for matrix in weights])
    torch.testing.assert_close(total, torch.eye(7, dtype=torch.double).expand(2, 7, 7))


@pytest.mark.parametrize("explainer", OF_A_CLASS)
def test_without_gradients_the_map_is_zero(capture, explainer):
    nothing = [torch.zeros_like(weights) for weights in capture.attentions.weights]
    capture.attentions.gradients = nothing
    capture.attentions.own_gradients = lambda block: nothing[block]
    assert not explainer(capture).any()


def asked_about(capture: Capture, targets: torch.Tensor) -> Capture:
    return Capture(capture.classifier, Batch(capture.batch.ids, capture.batch.images, targets))


@pytest.mark.parametrize("explainer", OF_A_CLASS)
def test_explanations_of_different_classes_differ(capture, explainer):
    other = asked_about(capture, (capture.batch.targets + 1) % 4)
    assert not torch.allclose(rescale(explainer(capture)), rescale(explainer(other)), atol=1e-3)


@pytest.mark.parametrize("explainer", AGNOSTIC)
def test_class_agnostic_maps_are_the_same_for_all_classes_and_say_so(capture, explainer):
    other = asked_about(capture, (capture.batch.targets + 1) % 4)
    assert torch.equal(explainer(capture), explainer(other))
    spec = installed().explainer(explainer.__name__.replace("_", "-"))
    assert "the same for all classes" in spec.summary


@pytest.mark.parametrize("explainer", FIVE)
def test_batch_equals_loop(capture, batch, explainer):
    maps = explainer(capture)
    for i in range(3):
        alone = explainer(Capture(capture.classifier, batch.select([i])))
        torch.testing.assert_close(alone[0], maps[i])


@pytest.mark.parametrize("explainer", FIVE)
def test_nothing_shared_is_written_to(capture, explainer):
    found = capture.attentions
    shared = [*found.weights, *found.gradients, found.logits, *capture.shared.outputs]
    before = [tensor._version for tensor in shared]
    explainer(capture)
    assert [tensor._version for tensor in shared] == before


def scaled(network: nn.Module, batch: Batch, factor: float) -> Capture:
    network.head.weight.data *= factor
    network.head.bias.data *= factor
    return Capture(classifier_of(network, SIZE), batch)


@pytest.mark.parametrize("explainer", [*AGNOSTIC, legrad, attention_grad_cam])
def test_scaling_the_head_leaves_the_rescaled_map(network, batch, explainer):
    plain = rescale(explainer(scaled(network, batch, 1)))
    torch.testing.assert_close(rescale(explainer(scaled(network, batch, 5))), plain)


def test_scaling_the_head_changes_chefers_map(network, batch):
    plain = rescale(chefer(scaled(network, batch, 1)))
    assert (rescale(chefer(scaled(network, batch, 5))) - plain).abs().max() > 1e-4


def brightness_seeker(**settings) -> nn.Module:
    """Every token attends to bright patches, whose values alone make the logits."""
    network = lively(**settings)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.patch_embed.proj.weight[0] = 1 / 192  # channel 0 is the patch's mean
        network.head.weight[:, 0] = 1
        for block in network.blocks:
            block.norm1 = nn.Identity()
            for head in range(3):  # four channels each
                block.attn.qkv.bias[4 * head] = 1  # all ask alike
                block.attn.qkv.weight[12 + 4 * head, 0] = 12  # the bright answer
                block.attn.qkv.weight[24 + 4 * head, 0] = 1
            block.attn.proj.weight[0, ::4] = 1 / 3
        network.norm, network.fc_norm = nn.Identity(), nn.Identity()
    return network.eval()


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("cell", [(0, 0), (0, 2), (3, 0), (1, 2), (2, 1)])
def test_a_bright_patch_is_found_at_its_cell_of_an_upright_grid(settings, cell):
    y, x = cell
    images = torch.full((1, 3, *SIZE), 0.1, dtype=torch.double)
    images[:, :, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 0.9
    classifier = classifier_of(brightness_seeker(**settings), SIZE)
    capture = Capture(classifier, Batch(("a",), images, torch.tensor([1])))
    for explainer in FIVE:
        (found,) = explainer(capture)
        assert divmod(int(found.argmax()), 3) == cell, explainer.__name__
        assert found.max() > found.flatten().sort().values[-2] + 1e-9, explainer.__name__
