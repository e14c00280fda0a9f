import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from xaibench_metrics.faithfulness.curves import blur, deletion, insertion
from xaibench_metrics.ranking import descending_rank

from xaibench.api.batch import Batch
from xaibench.engine.evaluate.stream import Stream, Task


def network(classes: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3, padding=1)
    return (
        nn.Sequential(
            convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes)
        )
        .double()
        .eval()
        .requires_grad_(False)
    )


def make_batch(height: int = 12, width: int = 10, count: int = 2) -> Batch:
    images = torch.randn(count, 3, height, width, dtype=torch.double)
    names = tuple(f"image-{i}" for i in range(count))
    return Batch(names, images, torch.arange(count) % 3, (5,) * count)


def run(metric, maps, batch, net=None, width=7, common=None, **settings):
    stream = Stream(net or network(), width, dict(common or {}))
    (answer,) = stream.drive([Task(metric(maps, batch, **settings), batch)])
    if answer.error:
        raise answer.error
    return answer.value.scores, stream


def literal(maps, batch, net, steps, start, end):
    """RISE's loop: numpy's argsort, one image and one step at a time, its own formula of the area."""
    areas = []
    for saliency, first, last, target in zip(maps, start, end, batch.targets, strict=True):
        order = np.argsort(-saliency.flatten().numpy(), kind="stable")
        step = math.ceil(len(order) / steps)
        image, scores = first.clone(), []
        for k in range(math.ceil(len(order) / step) + 1):
            scores.append(net(image[None]).softmax(1)[0, target].item())
            changed = order[step * k : step * (k + 1)]
            image.view(3, -1)[:, changed] = last.reshape(3, -1)[:, changed]
        areas.append((sum(scores) - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1))
    return torch.tensor(areas, dtype=torch.double)


@pytest.mark.parametrize("steps", [7, 28, 120])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_agrees_with_rises_loop(steps, width):
    torch.manual_seed(1)
    batch, net = make_batch(), network()
    maps = torch.rand(2, 12, 10, dtype=torch.double)
    grey = torch.zeros_like(batch.images)
    found, _ = run(deletion, maps, batch, net, width, steps=steps)
    torch.testing.assert_close(found, literal(maps, batch, net, steps, batch.images, grey))
    found, _ = run(insertion, maps, batch, net, width, steps=steps)
    torch.testing.assert_close(found, literal(maps, batch, net, steps, blur(batch.images), batch.images))


def test_rises_image_takes_225_evaluations():
    batch = make_batch(224, 224, count=1)
    asked = next(deletion(torch.rand(1, 224, 224).double(), batch))
    assert asked.count == 225


def test_the_kernel_has_rises_values():
    impulse = torch.zeros(1, 3, 31, 31, dtype=torch.double)
    impulse[:, :, 15, 15] = 1
    kernel = blur(impulse)[0, 1, 10:21, 10:21]
    assert kernel.sum().item() == pytest.approx(1)
    assert kernel[5, 5].item() == pytest.approx(0.008833, abs=5e-7)
    assert kernel[0, 0].item() == pytest.approx(0.007737, abs=5e-7)
    assert kernel[0, 5].item() == pytest.approx(0.008266, abs=5e-7)


def test_blur_is_rises_kernel_convolved_with_zeros_beyond_the_border():
    images = torch.randn(2, 3, 20, 17, dtype=torch.double)
    kernel = np.zeros((11, 11))
    kernel[5, 5] = 1
    kernel = torch.from_numpy(gaussian_filter(kernel, 5))
    expected = nn.functional.conv2d(images.flatten(0, 1)[:, None], kernel[None, None], padding=5)
    torch.testing.assert_close(blur(images), expected.view_as(images))


def test_blur_leaves_a_constant_away_from_the_border():
    blurred = blur(torch.full((1, 3, 30, 30), 0.7, dtype=torch.double))
    torch.testing.assert_close(blurred[..., 5:-5, 5:-5], torch.full((1, 3, 20, 20), 0.7).double())
    assert blurred[0, 0, 0, 0] < 0.5


class Ramp(nn.Module):
    """Probability of class 0: the share of pixels that are 1."""

    def forward(self, images):
        share = images.mean((1, 2, 3)).clamp(1e-12, 1 - 1e-12)
        return torch.stack([share.log(), (1 - share).log()], 1)


def test_a_linear_ramp_has_area_one_half():
    batch = Batch(("a",), torch.ones(1, 3, 8, 8, dtype=torch.double), torch.tensor([0]))
    found, _ = run(deletion, torch.rand(1, 8, 8).double(), batch, Ramp(), steps=16)
    assert found.item() == pytest.approx(0.5)


def test_a_constant_network_scores_its_own_constant():
    class Constant(nn.Module):
        def forward(self, images):
            return torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.double).log().expand(len(images), -1)

    batch = make_batch()
    for metric in (insertion, deletion):
        found, _ = run(metric, torch.rand(2, 12, 10).double(), batch, Constant())
        torch.testing.assert_close(found, torch.tensor([0.2, 0.5], dtype=torch.double))


def test_deleting_by_a_linear_models_weights_beats_any_random_order():
    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.rand(6, 6, dtype=torch.double)

        def forward(self, images):
            logit = (images.mean(1) * self.weight).sum((1, 2))
            return torch.stack([logit, torch.zeros_like(logit)], 1)

    torch.manual_seed(3)
    net = Linear()
    batch = Batch(("a",), torch.ones(1, 3, 6, 6, dtype=torch.double), torch.tensor([0]))
    best, _ = run(deletion, net.weight[None], batch, net, steps=36)
    worst, _ = run(deletion, -net.weight[None], batch, net, steps=36)
    for _ in range(20):
        random, _ = run(deletion, torch.rand(1, 6, 6).double(), batch, net, steps=36)
        assert best < random < worst


def test_every_deletion_curve_ends_at_the_grey_image():
    batch, net = make_batch(), network()
    grey = net(torch.zeros_like(batch.images)).softmax(1).gather(1, batch.targets[:, None])[:, 0]
    for seed in range(3):
        torch.manual_seed(seed)
        metric = deletion(torch.rand(2, 12, 10).double(), batch, steps=10)
        asked = next(metric)
        end = torch.tensor([asked.count - 1])
        last = torch.cat([asked.build(row, end) for row in range(2)])
        torch.testing.assert_close(net(last).softmax(1).gather(1, batch.targets[:, None])[:, 0], grey)


def test_an_increasing_function_of_a_map_changes_nothing():
    batch, maps = make_batch(), torch.rand(2, 12, 10, dtype=torch.double)
    for metric in (insertion, deletion):
        assert torch.equal(run(metric, maps, batch)[0], run(metric, maps.exp() * 3 - 1, batch)[0])


def test_endpoints_are_shared_by_all_maps_of_an_image():
    batch, net = make_batch(), network()
    steps, explainers = 12, 5
    tasks = [
        Task(metric(torch.rand(2, 12, 10).double(), batch, steps=steps), batch)
        for _ in range(explainers)
        for metric in (insertion, deletion)
    ]
    seen = []
    net.register_forward_pre_hook(lambda _m, arguments: seen.append(len(arguments[0])))
    known = {("image", name): net(batch.images[i : i + 1])[0] for i, name in enumerate(batch.ids)}
    seen.clear()
    for common, endpoints in (({}, 3), (known, 2)):  # image, grey and blurred; the image is known
        seen.clear()
        stream = Stream(net, 8, dict(common))
        stream.drive(tasks_again(tasks, batch, steps, explainers))
        assert sum(seen) == stream.forwards == 2 * (2 * explainers * (steps - 1) + endpoints)


def tasks_again(tasks, batch, steps, explainers):
    generator = torch.Generator().manual_seed(0)
    return [
        Task(metric(torch.rand(2, 12, 10, generator=generator).double(), batch, steps=steps), batch)
        for _ in range(explainers)
        for metric in (insertion, deletion)
    ]


def test_shared_endpoints_do_not_change_the_scores():
    batch, net = make_batch(), network()
    tasks = tasks_again([], batch, 12, 3)
    together = [answer.value.scores for answer in Stream(net, 5).drive(tasks)]
    alone = [Stream(net, 5).drive([task])[0].value.scores for task in tasks_again([], batch, 12, 3)]
    for found, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(found, expected)


def test_ties_fall_by_the_image_and_not_by_its_batch():
    batch = make_batch(count=3)
    flat = torch.zeros(3, 12, 10)
    rank = descending_rank(flat, batch)
    assert torch.equal(rank[2], descending_rank(flat[:1], batch.select([2]))[0])
    assert not torch.equal(rank[0], rank[1])
    assert not torch.equal(rank[0].flatten(), torch.arange(120, dtype=torch.int32))


def test_ranks_are_a_permutation_from_the_most_salient():
    batch, maps = make_batch(), torch.rand(2, 12, 10)
    rank = descending_rank(maps, batch)
    for saliency, ranks in zip(maps, rank, strict=True):
        assert sorted(ranks.flatten().tolist()) == list(range(120))
        in_order = saliency.flatten()[ranks.flatten().argsort()]
        assert (in_order.diff() <= 0).all()


def test_a_constant_map_still_has_a_score():
    found, _ = run(deletion, torch.zeros(2, 12, 10, dtype=torch.double), make_batch())
    assert found.isfinite().all()


def test_the_curve_is_kept_from_the_image_to_what_is_left():
    batch, net = make_batch(), network()
    (answer,) = Stream(net, 7).drive([Task(deletion(torch.rand(2, 12, 10), batch, steps=7), batch)])
    chances = net(torch.cat([batch.images, torch.zeros_like(batch.images)])).softmax(1)
    ends = chances.gather(1, batch.targets.repeat(2)[:, None]).view(2, 2).T
    torch.testing.assert_close(answer.value.curves[:, [0, -1]], ends)
    torch.testing.assert_close(torch.trapezoid(answer.value.curves, dx=1 / 7), answer.value.scores)
