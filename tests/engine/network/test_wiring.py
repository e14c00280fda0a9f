"""Which module reads what another one has made."""

import pytest
import torch
from torch import nn

from xaibench.engine.network.wiring import read_by

IMAGE = torch.rand(1, 3, 4, 4)


def pairs(network):
    return read_by(
        network,
        IMAGE,
        makes=lambda module: isinstance(module, nn.Conv2d),
        reads=lambda module: isinstance(module, nn.ReLU),
    )


class Crossed(nn.Module):
    """Its modules run in another order than they stand in, with an identity between two of them."""

    def __init__(self):
        super().__init__()
        self.last, self.late, self.between = nn.ReLU(), nn.Conv2d(3, 3, 1), nn.Identity()
        self.early, self.soon = nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, images):
        return self.last(self.between(self.late(self.soon(self.early(images)))))


class Repeated(nn.Module):
    def __init__(self, convolutions):
        super().__init__()
        self.convolution, self.relu, self.times = nn.Conv2d(3, 3, 1), nn.ReLU(), convolutions

    def forward(self, images):
        for _ in range(self.times):
            images = self.convolution(images)
        return self.relu(images) if self.times > 1 else self.relu(self.relu(images))


def test_pairs_are_those_of_the_forward_pass_whatever_the_order_of_the_names():
    assert pairs(Crossed()) == [("early", "soon"), ("late", "last")]


def test_what_runs_twice_is_in_no_pair():
    assert pairs(Repeated(2)) == []
    assert pairs(Repeated(1)) == []


def test_what_is_changed_on_the_way_is_not_what_was_made():
    class Doubled(nn.Sequential):
        def forward(self, images):
            return self[1](2 * self[0](images))

    assert pairs(Doubled(nn.Conv2d(3, 3, 1), nn.ReLU())) == []


class Residual(nn.Module):
    """A convolution, and a ReLU behind what `between` makes of the output and the images."""

    def __init__(self, between, inplace=False):
        super().__init__()
        self.convolution, self.relu = nn.Conv2d(3, 3, 1), nn.ReLU(inplace)
        self.between = between

    def forward(self, images):
        made = self.convolution(images)
        read, also = self.between(made, images)
        return self.relu(read) + also


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda made, images: (made, images), [("convolution", "relu")]),
        (lambda made, images: (made.add_(images), 0), []),
        (lambda made, images: (made, made[:, :1].mul_(2)), []),
        (lambda made, images: (made, made.mean()), []),
        (lambda made, images: (made, torch.cat([images, made]).sum()), []),
        (lambda made, images: (made.detach(), 0), []),
    ],
    ids=["alone", "added to in place", "a view is changed", "read before", "in a list", "a view"],
)
def test_what_else_reads_an_output_or_changes_it_is_seen(between, expected, inplace):
    assert pairs(Residual(between, inplace)) == expected


def test_what_reads_later_is_seen_but_for_what_reads_the_activation():
    class Later(Residual):
        def forward(self, images):
            made = self.convolution(images)
            return self.relu(made) + made

    assert pairs(Later(None)) == []
    assert pairs(Later(None, inplace=True)) == [("convolution", "relu")]


def test_an_output_of_two_activations_is_of_neither():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.one, self.other = nn.Conv2d(3, 3, 1), nn.ReLU(), nn.ReLU()

        def forward(self, images):
            made = self.convolution(images)
            return self.one(made) + self.other(made)

    assert pairs(Both()) == []


def test_outputs_that_count_no_changes_are_in_no_pair():
    network = Crossed()
    network.forward = torch.inference_mode()(network.forward)
    assert pairs(network) == []


def test_no_hook_is_left_even_where_the_network_raises():
    class Raising(nn.Sequential):
        def forward(self, images):
            super().forward(images)
            raise ArithmeticError

    network = Raising(nn.Conv2d(3, 3, 1), nn.ReLU())
    with pytest.raises(ArithmeticError):
        pairs(network)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
