"""Graphs by tracing: what they compute, when one is made, and which networks have none."""

import pytest
import torch
from torch import nn

from xaibench.engine import traced
from xaibench.engine.traced import OneDnnGraph, frozen, fused

SIDE = 16


class Residual(nn.Module):
    """A block with what oneDNN fuses: a sum and an activation in products, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.LayerNorm(8)
        self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, images):
        tokens = self.stem(images).flatten(2).mT
        tokens = tokens + self.narrow(nn.functional.gelu(self.wide(self.norm(tokens))))
        return self.head(tokens.mean(1))


class Branching(Residual):
    """What it does depends on the values of its images."""

    def __init__(self, asks) -> None:
        super().__init__()
        self.asks = asks

    def forward(self, images):
        return super().forward(images if self.asks(images) else -images)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Residual().eval().requires_grad_(False)


@pytest.fixture
def graphs(monkeypatch):
    """Of how many images graphs were made, and of how many each pass was that ran as one."""
    made, ran = [], []

    def noted(module, images):
        graph = fused(module, images)
        made.append(len(images))
        return lambda images: ran.append(len(images)) or graph(images)

    monkeypatch.setattr(traced, "fused", noted)
    return made, ran


def noise(count):
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(count))


def test_a_graph_computes_what_the_network_does(network):
    graph = fused(network, noise(4))
    for seed in range(3):
        images = noise(4) * 3**seed
        torch.testing.assert_close(graph(images), network(images))


def test_its_weights_are_constants(network):
    graph, images = fused(network, noise(4)), noise(4)
    before = graph(images)
    network.head.weight.zero_()
    assert not torch.equal(network(images), before)
    assert torch.equal(graph(images), before)


def test_torch_is_left_as_it_was(network):
    assert not torch.jit.onednn_fusion_enabled()
    fused(network, noise(1))
    assert not torch.jit.onednn_fusion_enabled()


def test_passes_of_the_width_that_is_settled_have_a_graph(network, graphs):
    graph = OneDnnGraph(network, noise(4))
    for width in (4, 8, 8, 2):
        graph.settle(width)
        for count in (1, 2, 4, 8, 9):
            images = noise(count)
            torch.testing.assert_close(graph(images), network(images))
    assert graphs == ([4, 8, 2], [4, 8, 8, 2])


def test_where_no_graph_can_be_made_passes_run_without(network, monkeypatch):
    graph = OneDnnGraph(network, noise(4))

    def fail(module, images):
        raise RuntimeError("partition compile failed")

    monkeypatch.setattr(traced, "fused", fail)
    with pytest.raises(RuntimeError, match="partition"):
        graph.settle(8)
    for count in (4, 8):
        assert torch.equal(graph(noise(count)), network(noise(count)))


def test_where_a_graph_is_given_up_passes_run_without(network, graphs):
    graph = OneDnnGraph(network, noise(4))
    graph.give_up()
    assert torch.equal(graph(noise(4)), network(noise(4)))
    graph.settle(4)
    graph(noise(4))
    assert graphs == ([4, 4], [4])


@pytest.mark.parametrize("way", [frozen, fused])
@pytest.mark.parametrize(
    "asks",
    [
        lambda images: images.mean() > 0,
        lambda images: images.sum().item() > 0,
        lambda images: torch.equal(images, images.abs()),
    ],
)
def test_a_network_that_asks_for_its_values_is_refused(way, asks):
    with pytest.raises(RuntimeError, match="depends on the values of its images"):
        way(Branching(asks).eval(), noise(2))


def test_a_network_that_asks_for_its_shapes_is_traced():
    network = Branching(lambda images: images.shape[-1] > SIDE).eval().requires_grad_(False)
    torch.testing.assert_close(fused(network, noise(2))(noise(2)), network(noise(2)))


def test_a_network_of_which_nothing_can_be_fused_is_refused():
    with pytest.raises(RuntimeError, match="oneDNN fuses nothing"):
        fused(nn.Flatten().eval(), noise(2))
