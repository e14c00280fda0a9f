"""Infidelity against its definition, sample by sample; linear networks are explained exactly."""

import driving
import pytest
import torch
from xaibench_metrics.faithfulness.infidelity import FLAT, infidelity, noise

from xaibench.engine.evaluate.stream import Stream, Task


def literal(maps, batch, net, samples, sigma, score) -> list[float]:
    """Definition 2.1 as printed, the scale found by trying."""
    found = []
    for row, (image, saliency, target) in enumerate(zip(batch.images, maps, batch.targets, strict=True)):

        def of(pixels, target=target):
            logits = net(pixels[None])[0]
            return float(logits[target] if score == "logit" else logits.softmax(0)[target])

        said, drops = [], []
        for k in range(1, samples + 1):
            shake = sigma * noise(batch, row, k)
            said.append(sum(float((colour * saliency).sum()) for colour in shake))
            drops.append(of(image) - of(image - shake))

        def loss(beta, said=said, drops=drops):
            return sum((beta * s - d) ** 2 for s, d in zip(said, drops, strict=True)) / samples

        low, high = -10.0, 10.0
        for _ in range(200):  # a parabola: thirds do
            one, other = low + (high - low) / 3, high - (high - low) / 3
            low, high = (low, other) if loss(one) < loss(other) else (one, high)
        found.append(loss(low))
    return found


@pytest.mark.parametrize("score", ["probability", "logit"])
def test_agrees_with_the_definition_under_the_best_scale(score):
    batch, net = driving.make_batch(), driving.network()
    maps = driving.make_maps(batch)
    settings = {"samples": 7, "sigma": 0.3, "score": score}
    found = driving.run(infidelity, maps, batch, net, **settings).scores
    assert found.tolist() == pytest.approx(literal(maps, batch, net, **settings), rel=1e-9)
    assert (found > 1e-9).all()


def test_the_weights_of_a_linear_logit_are_its_exact_explanation():
    batch = driving.make_batch(count=1)
    weight = torch.rand(12, 10, generator=torch.Generator().manual_seed(0)).double()
    net = driving.Linear(weight)
    exact = driving.run(infidelity, 5 * weight[None], batch, net, score="logit").scores
    assert exact.item() == pytest.approx(0, abs=1e-20)
    other = driving.run(infidelity, driving.make_maps(batch), batch, net, score="logit").scores
    assert other.item() > 1e-3


def test_a_map_has_no_units():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    once, scaled = (driving.run(infidelity, m, batch, samples=5).scores for m in (maps, 1e3 * maps))
    torch.testing.assert_close(once, scaled)


def test_a_flat_map_is_undefined():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    maps[0], maps[2] = 0, 1
    found = driving.run(infidelity, maps, batch, samples=5)
    assert found.scores.isnan().tolist() == [True, False, True]
    assert found.undefined == {0: FLAT, 2: FLAT}


def test_all_maps_of_an_image_share_its_forwards():
    batch = driving.make_batch()
    maps = [driving.make_maps(batch, seed) for seed in range(4)]
    stream = Stream(driving.network(), 7)
    answers = stream.drive(
        [Task(infidelity(m, batch, 10), batch, f"owner {i}") for i, m in enumerate(maps)]
    )
    assert stream.forwards == 3 * (1 + 10)
    alone = [driving.run(infidelity, m, batch, samples=10).scores for m in maps]
    for answer, expected in zip(answers, alone, strict=True):
        torch.testing.assert_close(answer.value.scores, expected)
