"""Average drop, increase and gain against their formulas, image by image; peers on the same maps."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import driving
import numpy as np
import pytest
import torch
from xaibench_metrics.faithfulness.masking import NO_CHANCE, average_drop, average_gain, average_increase

from xaibench.api.errors import Unsupported

METRICS = (average_drop, average_increase, average_gain)


def literal(maps, batch, net, mask) -> list[list[float]]:
    """Drop, increase and gain of each image."""
    found = []
    for image, saliency, target in zip(batch.images, maps, batch.targets, strict=True):
        whole = driving.probability(net, image, target)
        masked = driving.probability(net, mask(image, saliency), target)
        drop, gain = max(0, whole - masked) / whole, max(0, masked - whole) / (1 - whole)
        found.append([drop, float(masked > whole), gain])
    return found


def top_half(image, saliency):
    least = sorted(saliency.flatten().tolist(), reverse=True)[saliency.numel() // 2 - 1]
    masked = torch.zeros_like(image)
    for y in range(saliency.shape[0]):
        for x in range(saliency.shape[1]):
            if saliency[y, x] >= least:
                masked[:, y, x] = image[:, y, x] * saliency[y, x]
    return masked


def in_colours(image, saliency):
    column = partial(torch.tensor, dtype=torch.double)
    mean, std = (column(c)[:, None, None] for c in (driving.PREPROCESS.mean, driving.PREPROCESS.std))
    return ((image * std + mean) * saliency - mean) / std


@pytest.mark.parametrize(
    ("settings", "mask"),
    [
        ({}, lambda image, saliency: image * saliency),
        ({"keep": 50}, top_half),
        ({"onto": "black"}, in_colours),
    ],
)
def test_agrees_with_the_formulas(settings, mask):
    batch, net = driving.make_batch(count=6), driving.network()
    maps = driving.make_maps(batch)
    expected = torch.tensor(literal(maps, batch, net, mask), dtype=torch.double)
    for column, metric in enumerate(METRICS):
        found = driving.run(metric, maps, batch, net, **settings)
        torch.testing.assert_close(found.scores, expected[:, column])
        assert found.undefined == {}
    assert expected[:, 1].unique().tolist() == [0, 1]  # some of each


def test_a_map_of_ones_changes_nothing():
    batch = driving.make_batch()
    batch = replace(batch, images=batch.images.sigmoid(), targets=torch.zeros(3, dtype=torch.long))
    for metric in METRICS:
        scores = driving.run(metric, torch.ones(3, 12, 10).double(), batch, driving.Share()).scores
        assert (scores == 0).all()


def test_a_map_of_zeros_leaves_the_grey_image():
    batch, net = driving.make_batch(), driving.network()
    found = driving.run(average_drop, torch.zeros(3, 12, 10).double(), batch, net)
    for i, target in enumerate(batch.targets):
        grey = driving.probability(net, torch.zeros_like(batch.images[i]), target)
        assert found.curves[i, 1].item() == pytest.approx(grey)


def test_a_map_of_zeros_leaves_the_black_image():
    batch, net = driving.make_batch(), driving.network()
    found = driving.run(average_drop, torch.zeros(3, 12, 10).double(), batch, net, onto="black")
    black = -torch.tensor(driving.PREPROCESS.mean) / torch.tensor(driving.PREPROCESS.std)
    black = black.double()[:, None, None].expand(3, 12, 10)
    for i, target in enumerate(batch.targets):
        assert found.curves[i, 1].item() == pytest.approx(driving.probability(net, black, target))


def test_without_preprocessing_nobody_knows_what_black_is():
    batch = replace(driving.make_batch(), preprocess=None)
    with pytest.raises(Unsupported, match="what black is"):
        driving.run(average_drop, driving.make_maps(batch), batch, onto="black")


def test_no_probability_has_nothing_to_drop_from():
    batch, net = driving.make_batch(), driving.Constant(0.0, 0.5, 0.5)
    found = driving.run(average_drop, driving.make_maps(batch), batch, net)
    assert found.scores.isnan().tolist() == [True, False, False]
    assert found.undefined == {0: NO_CHANCE}


def test_certainty_has_nothing_to_gain():
    batch, net = driving.make_batch(), driving.Constant(1 - 5e-8, 3e-8, 2e-8)
    found = driving.run(average_gain, driving.make_maps(batch), batch, net)
    assert found.scores.tolist() == [0, 0, 0]


def test_all_of_a_mask_share_one_forward_a_map():
    batch = driving.make_batch()
    maps = driving.make_maps(batch)
    names = ["average-drop", "average-increase", "average-gain"]
    peers = ["torchcam-average-drop", "torchcam-average-increase", "pytorch-grad-cam-drop"]
    _, stream = driving.run_named(names + peers, maps, batch)
    assert stream.forwards == 3 * (1 + 1)  # the image, and the image times its map
    _, stream = driving.run_named([f"{name}-black" for name in names], maps, batch)
    assert stream.forwards == 3 * (1 + 1)
    _, stream = driving.run_named([f"{name}-50" for name in names[:2]], maps, batch)
    assert stream.forwards == 3 * (1 + 1)


@pytest.mark.filterwarnings("ignore")  # the peer's, not ours
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("pytorch-grad-cam-drop", "ClassifierOutputSoftmaxTarget"),
        ("pytorch-grad-cam-drop-logit", "ClassifierOutputTarget"),
    ],
)
def test_pytorch_grad_cams_drop_is_the_preset_of_its_name(name, target):
    """It rounds scores to single precision."""
    from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence
    from pytorch_grad_cam.utils import model_targets

    batch, net = driving.make_batch(count=6), driving.network()
    maps = driving.make_maps(batch)
    targets = [getattr(model_targets, target)(int(t)) for t in batch.targets]
    theirs = DropInConfidence()(batch.images, maps.numpy(), targets, net)
    found, _ = driving.run_named([name], maps, batch, net)
    np.testing.assert_allclose(found[name].scores.numpy(), theirs, atol=1e-6, rtol=0)
    assert (theirs > 0.01).any()


class Extractor:
    """What torch-cam's metric asks of a method: here the maps are given."""

    def __init__(self, model, maps):
        self.model, self.maps = model, maps

    def __call__(self, class_idx, scores):
        return [self.maps]

    def fuse_cams(self, cams):
        return cams[0]

    def _hooks_off(self):
        return nullcontext()


@pytest.mark.filterwarnings("ignore")
def test_torch_cams_averages_are_the_presets_of_their_names():
    from torchcam.metrics import ClassificationMetric

    batch, net = driving.make_batch(count=6), driving.network()
    maps = driving.make_maps(batch)
    metric = ClassificationMetric(Extractor(net, maps), partial(torch.softmax, dim=-1))
    metric.update(batch.images, batch.targets.tolist())
    names = ["torchcam-average-drop", "torchcam-average-increase"]
    found, _ = driving.run_named(names, maps, batch, net)
    ours = [found[name].scores.mean().item() for name in names]
    assert ours == pytest.approx(list(metric.summary().values()), abs=1e-6)
    assert list(metric.summary()) == ["avg_drop", "conf_increase"]
