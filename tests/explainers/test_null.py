import math

import torch
from xaibench_explainers.null import center, edge, random, sobel

from xaibench.api.batch import Preprocess
from xaibench.api.capture import Capture


def test_random_maps_belong_to_the_image_and_not_to_its_batch(classifier, batch):
    maps = random(Capture(classifier, batch))
    turned = random(Capture(classifier, batch.select([2, 1])))
    assert torch.equal(maps[2], turned[0])
    assert torch.equal(maps[1], turned[1])
    assert not torch.equal(maps[0], maps[1])


def test_random_maps_are_as_coarse_as_the_target_layer(capture):
    assert random(capture).shape == capture.activations[:, 0].shape


def test_the_centre_map_is_a_gaussian_of_a_quarter_of_the_size(capture):
    found = center(capture)[1]
    for y, x in [(0, 0), (16, 12), (31, 5)]:
        expected = math.exp(-(((y + 0.5 - 16) / 8) ** 2 + ((x + 0.5 - 12) / 6) ** 2) / 2)
        assert math.isclose(found[y, x].item(), expected)


def test_sobel_is_the_written_out_filter():
    images = torch.rand(1, 3, 7, 6, dtype=torch.double)
    grey = images[0].mean(0)
    y, x = 3, 2
    a = grey[y - 1 : y + 2, x - 1 : x + 2]
    across = a[0, 2] + 2 * a[1, 2] + a[2, 2] - a[0, 0] - 2 * a[1, 0] - a[2, 0]
    down = a[2, 0] + 2 * a[2, 1] + a[2, 2] - a[0, 0] - 2 * a[0, 1] - a[0, 2]
    torch.testing.assert_close(sobel(images)[0, y, x], torch.hypot(across, down))


def test_a_blank_image_has_no_edges_even_at_its_border():
    assert sobel(torch.full((1, 3, 5, 5), 0.4)).abs().max() < 1e-6


def test_edges_are_those_of_the_colours_and_not_of_the_normalised_image(classifier, batch):
    from dataclasses import replace

    preprocess = Preprocess((32, 24), (0.5, 0.5, 0.5), (0.5, 0.25, 1.0))
    known = replace(batch, preprocess=preprocess)
    torch.testing.assert_close(edge(Capture(classifier, known)), sobel(preprocess.colours(batch.images)))
