from itertools import product
from math import exp

import pytest
import torch
from timm.layers import create_attn
from xaibench_models.cbam import CBAM, KERNEL

EPSILON = 1e-5  # of timm's batch norm


@pytest.fixture
def module():
    torch.manual_seed(0)
    return CBAM(8, reduction=4).double()


@pytest.fixture
def features():
    return torch.randn(2, 8, 5, 4, dtype=torch.double, generator=torch.Generator().manual_seed(1))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def perceptron(pooled, squeeze, excite):
    hidden = [max(0.0, sum(w * p for w, p in zip(row, pooled, strict=True))) for row in squeeze]
    return [sum(w * h for w, h in zip(row, hidden, strict=True)) for row in excite]


def literal(one, module):
    """Eqs. 1 to 3 of one image (K, h, w), in loops."""
    channels, height, width = one.shape
    cells = list(product(range(height), range(width)))
    values = [[float(one[k, y, x]) for y, x in cells] for k in range(channels)]
    weights = module.channel.squeeze.weight.tolist(), module.channel.excite.weight.tolist()
    means = perceptron([sum(v) / len(v) for v in values], *weights)
    maxima = perceptron([max(v) for v in values], *weights)
    refined = torch.zeros_like(one)
    for k in range(channels):
        refined[k] = one[k] * sigmoid(means[k] + maxima[k])
    kernel, half = module.spatial.conv.weight[0], KERNEL // 2
    out = torch.zeros_like(one)
    for y, x in cells:
        total = 0.0
        for dy, dx in product(range(-half, half + 1), repeat=2):
            if 0 <= y + dy < height and 0 <= x + dx < width:
                cell = refined[:, y + dy, x + dx].tolist()
                pooled = (sum(cell) / channels, max(cell))
                total += sum(float(kernel[i, dy + half, dx + half]) * pooled[i] for i in range(2))
        out[:, y, x] = refined[:, y, x] * sigmoid(total)
    return out


@torch.no_grad()
def test_agrees_with_the_paper(module, features):
    expected = torch.stack([literal(one, module) for one in features])
    torch.testing.assert_close(module(features), expected)


@torch.no_grad()
def test_is_timms_with_the_same_weights_and_its_norm_made_the_identity(module, features):
    theirs = create_attn("cbam", 8, rd_channels=2).double().eval()
    theirs.channel.fc1.weight.copy_(module.channel.squeeze.weight[..., None, None])
    theirs.channel.fc2.weight.copy_(module.channel.excite.weight[..., None, None])
    theirs.spatial.conv.conv.weight.copy_(module.spatial.conv.weight)
    norm = theirs.spatial.conv.bn
    assert norm.eps == EPSILON
    norm.running_var.fill_(1 - EPSILON)
    torch.testing.assert_close(module(features), theirs(features))
    norm.running_mean.fill_(0.5)
    assert not torch.allclose(module(features), theirs(features))


def test_no_fewer_than_one_unit_is_hidden():
    assert CBAM(8).channel.squeeze.out_features == 1
