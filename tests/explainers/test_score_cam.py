import nets
import torch
from xaibench_explainers.score_cam import channel_weights, score_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample
from xaibench.engine.stream import Stream, Task


def explain(capture: Capture, width: int = 5):
    stream = Stream(capture.classifier.logits, width)
    (answer,) = stream.drive([Task(score_cam(capture), capture.batch)])
    assert answer.error is None
    return answer.value, answer.forwards


def literal(capture: Capture, baseline: float = 0.0) -> torch.Tensor:
    """Algorithm 1, channel by channel and image by image, the baseline's score subtracted."""
    network, batch = capture.classifier.network, capture.batch
    maps = []
    for image, target, channels in zip(batch.images, batch.targets, capture.activations, strict=True):
        base = network(torch.full_like(image, baseline)[None])[0, target]
        scores, kept = [], []
        for channel in channels:
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
