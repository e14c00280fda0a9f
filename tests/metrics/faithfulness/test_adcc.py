from dataclasses import replace

import nets
import numpy as np
import pytest
import torch
from xaibench_metrics.faithfulness.adcc import adcc, coherency, harmonic_mean

from xaibench.engine.evaluate.stream import Stream, Task


def scored(maps, batch, explainer, stream=None):
    stream = stream or Stream(explainer.classifier.logits, 5)
    (answer,) = stream.drive([Task(adcc(maps, batch, explainer), batch, "maps")])
    if answer.error:
        raise answer.error
    return answer.value


def literal(batch, saliency, explainer):
    """ADCC of a batch of one image as the paper prints it."""
    image, target = batch.images[0], int(batch.targets[0])
    masked = image * saliency
    logits = [explainer.classifier.logits(x[None])[0] for x in (image, masked)]
    whole, kept = (x.softmax(0)[target].item() for x in logits)
    again = explainer.maps(replace(batch, images=masked[None]))[0].flatten().numpy()
    first = saliency.flatten().numpy()
    alike = np.corrcoef(first, again)[0, 1] if again.std() > 0 and first.std() > 0 else -1
    parts = ((alike + 1) / 2, 1 - np.abs(first).mean(), 1 - max(0, whole - kept) / whole)
    return 0 if 0 in parts else 3 / sum(1 / part for part in parts)


@pytest.mark.parametrize("name", ["grad-cam", "saliency", "center"])
def test_it_is_the_papers(name, classifier, batch, explaining):
    explainer = explaining(name, classifier)
    maps = explainer.maps(batch)
    found = scored(maps, batch, explainer).scores
    expected = [literal(batch.select([i]), maps[i], explainer) for i in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_image_is_known_and_the_masked_one_is_forwarded_once(batch, explaining):
    explainer = explaining()
    logits = explainer.classifier.logits(batch.images)
    common = {("image", name): logits[i] for i, name in enumerate(batch.ids)}
    stream = Stream(explainer.classifier.logits, 5, common)
    maps = explainer.maps(batch)
    first = scored(maps, batch, explainer, stream)
    assert stream.forwards == 3
    torch.testing.assert_close(first.scores, scored(maps, batch, explainer).scores)


def test_a_flat_map_scores_0(batch, explaining):
    found = scored(torch.zeros(3, 32, 24), batch, explaining())
    assert found.scores.tolist() == [0, 0, 0]
    assert not found.undefined


def test_no_probability_leaves_nothing_to_drop(batch, explaining):
    classifier = nets.gap()
    classifier.network[4].bias.data[0] = -1e4  # too small a probability for float64
    explainer = explaining("center", classifier)
    found = scored(explainer.maps(batch), batch, explainer)
    assert found.undefined == {0: "the target's probability is 0"}
    assert found.scores.isnan().tolist() == [True, False, False]


def test_a_map_that_does_not_change_is_coherent(batch, explaining):
    explainer = explaining("center")
    assert coherency(explainer.maps(batch), batch, explainer).tolist() == pytest.approx([1] * 3)
    upside_down = 1 - explainer.maps(batch)
    assert coherency(upside_down, batch, explainer).tolist() == pytest.approx([0] * 3, abs=1e-6)


def test_the_harmonic_mean_is_0_where_a_part_is():
    parts = torch.tensor([[0.5, 0.5, 0.5], [1, 1, 0], [1, 0.5, 0.25]])
    assert harmonic_mean(parts).tolist() == pytest.approx([0.5, 0, 3 / 7])
