"""Metrics driven by hand, in float64: a small network, some trials, one stream."""

from collections.abc import Sequence

import torch
from torch import nn

from xaibench.api.batch import Batch, Preprocess
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.stream import Answer, Stream, Task

PREPROCESS = Preprocess((12, 10), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))


def network(classes: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, classes),
    )
    net = nn.Sequential(*layers).double().eval().requires_grad_(False)
    net[-1].weight *= 8
    net[-1].bias -= net(torch.randn(16, 3, 12, 10).double()).mean(0)  # so that no class always wins
    return net


def make_batch(height: int = 12, width: int = 10, count: int = 3, seed: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(count, 3, height, width, dtype=torch.double, generator=generator)
    names = tuple(f"image-{i}" for i in range(count))
    return Batch(
        names,
        PREPROCESS.normalised(colours),
        torch.arange(count) % 3,
        (5,) * count,
        preprocess=PREPROCESS,
    )


def make_maps(batch: Batch, seed: int = 2) -> torch.Tensor:
    """In [0, 1], without ties."""
    count, _, height, width = batch.images.shape
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, height, width, dtype=torch.double, generator=generator)


def drive(tasks: Sequence[Task], net: nn.Module, width: int = 7) -> tuple[list[Answer], Stream]:
    stream = Stream(net, width)
    answers = stream.drive(tasks)
    for answer in answers:
        if answer.error:
            raise answer.error
    return answers, stream


def run(metric, maps, batch, net=None, width=7, **settings):
    """What a metric says of maps."""
    net = net or network()
    (answer,), _ = drive([Task(metric(maps, batch, **settings), batch)], net, width)
    return answer.value


def run_named(names: Sequence[str], maps, batch, net=None, width=7):
    """What installed metrics say of one explainer's maps, by name, and the stream that served them."""
    tasks = [Task(installed().metric(name).load()(maps, batch), batch, "mine") for name in names]
    answers, stream = drive(tasks, net or network(), width)
    return dict(zip(names, (answer.value for answer in answers), strict=True)), stream


def probability(net, image: torch.Tensor, target) -> float:
    return net(image[None]).softmax(1)[0, target].item()


class Constant(nn.Module):
    """The same logits whatever it sees."""

    def __init__(self, *probabilities: float):
        super().__init__()
        self.logits = torch.tensor([probabilities], dtype=torch.double).log()

    def forward(self, images):
        return self.logits.expand(len(images), -1)


class Share(nn.Module):
    """Probability of class 0: the mean of the image, which should lie in [0, 1]."""

    def forward(self, images):
        share = images.mean((1, 2, 3))
        return torch.stack([share.log(), (1 - share).log()], 1)


class Linear(nn.Module):
    """Two logits, the first linear in the pixels; all colours weigh the same."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, images):
        logit = (images * self.weight).sum((1, 2, 3))
        return torch.stack([logit, torch.zeros_like(logit)], 1)


class Doubled(nn.Module):
    """A network for peers that ask in single precision: what they see is doubled first."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images.double())
