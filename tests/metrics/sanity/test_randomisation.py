from dataclasses import replace

import nets
import numpy as np
import pytest
import torch
import xaibench_metrics.sanity.cascade
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from xaibench_metrics.sanity.cascade import cascade
from xaibench_metrics.sanity.randomisation import (
    class_sensitivity,
    parameter_randomisation,
    random_logit,
)

SIZE = (32, 24)


def ranks(a, b):
    constant = a.max() == a.min() or b.max() == b.min()
    return np.nan if constant else spearmanr(a.flatten(), b.flatten()).statistic


def structure(a, b):
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    constant = a.max() == a.min() or b.max() == b.min()
    return np.nan if constant else structural_similarity(a, b, **settings)


@pytest.mark.parametrize(("similarity", "literal"), [("spearman", ranks), ("ssim", structure)])
@pytest.mark.parametrize("name", ["grad-cam", "saliency"])
def test_it_is_the_mean_of_the_similarities_trial_by_trial(
    similarity, literal, name, classifier, batch, explaining
):
    explainer = explaining(name, classifier)
    found = parameter_randomisation(explainer.maps(batch), batch, explainer, similarity=similarity)
    for i in range(3):
        alone = batch.select([i])
        whole = explainer.maps(alone)[0].numpy()
        curve = [
            literal(whole, explainer.maps(alone, network)[0].numpy())
            for network in cascade(classifier, SIZE, 10, batch.seeds[i])
        ]
        np.testing.assert_allclose(found.curves[i], curve, atol=1e-5)
        if np.isfinite(curve).any():
            assert found.scores[i].item() == pytest.approx(np.nanmean(curve), abs=1e-5)
        else:
            assert i in found.undefined


@pytest.mark.parametrize("name", ["edge", "center", "random", "almost-ones"])
def test_what_sees_the_picture_only_is_as_it_was_after_every_stage(name, classifier, batch, explaining):
    explainer = explaining(name, classifier)
    found = parameter_randomisation(explainer.maps(batch), batch, explainer)
    torch.testing.assert_close(found.curves, torch.ones_like(found.curves))
    torch.testing.assert_close(found.scores, torch.ones_like(found.scores))


def test_a_flat_map_has_no_score_and_says_so(batch, explaining):
    explainer = explaining("saliency")
    maps = explainer.maps(batch)
    maps[1] = 0
    found = parameter_randomisation(maps, batch, explainer)
    assert found.undefined == {1: "its map is flat"}
    assert found.scores.isnan().tolist() == [False, True, False]
    found = parameter_randomisation(explainer.maps(batch), batch, explaining("constant"))
    assert set(found.undefined.values()) == {"its map is flat after every stage"}


def test_a_stage_where_the_map_is_flat_is_left_out_of_the_mean(batch, explaining):
    explainer = explaining("saliency")
    maps = explainer.maps(batch)
    whole = parameter_randomisation(maps, batch, explainer)
    asked = []
    real = explainer.maps
    explainer.maps = lambda *which: real(*which) * (len(asked) > 0 or asked.append(which) is not None)
    found = parameter_randomisation(maps, batch, explainer)
    assert found.curves[:, 0].isnan().all()
    assert torch.equal(found.curves[:, 1:], whole.curves[:, 1:])
    torch.testing.assert_close(found.scores, whole.curves[:, 1:].mean(1))


def test_trials_of_two_seeds_see_two_networks(batch, explaining):
    explainer = explaining("saliency")
    maps = explainer.maps(batch)
    found = parameter_randomisation(maps, replace(batch, seeds=(7, 8, 7)), explainer)
    one = parameter_randomisation(maps, batch, explainer)
    two = parameter_randomisation(maps, replace(batch, seeds=(8, 8, 8)), explainer)
    for i, expected in enumerate((one, two, one)):
        torch.testing.assert_close(found.curves[i], expected.curves[i])
    assert not torch.allclose(one.curves, two.curves)


@pytest.mark.parametrize("name", ["grad-cam", "guided-backprop", "opti-cam"])
def test_the_classifier_is_as_it_was(name, batch, explaining):
    explainer = explaining(name)
    network, sha = explainer.classifier.network, explainer.classifier.weights_sha()
    parameter_randomisation(explainer.maps(batch), batch, explainer)
    assert explainer.classifier.weights_sha() == sha
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(weight.requires_grad for weight in network.parameters())


def test_the_networks_are_made_once_for_all_explainers(batch, explaining, monkeypatch):
    made = []
    real = xaibench_metrics.sanity.cascade.with_parameters

    def noted(*given):
        made.append(given)
        return real(*given)

    monkeypatch.setattr(xaibench_metrics.sanity.cascade, "with_parameters", noted)
    classifier = nets.gap()
    for name in ("grad-cam", "saliency", "edge"):
        explainer = explaining(name, classifier)
        parameter_randomisation(explainer.maps(batch), batch, explainer)
    assert len(made) == 2  # the linear layer, then the convolution too


def test_another_class_is_any_but_the_target(batch, explaining):
    explainer = explaining()
    asked = []
    real = explainer.maps
    maps = real(batch)

    def noted(batch):
        asked.append(batch.targets)
        return real(batch)

    explainer.maps = noted
    for seed in range(40):
        random_logit(maps, replace(batch, seeds=(seed,) * 3), explainer)
    drawn = torch.stack(asked)
    for column, target in zip(drawn.T, batch.targets.tolist(), strict=True):
        assert set(column.tolist()) == set(range(nets.CLASSES)) - {target}


@pytest.mark.parametrize("metric", [random_logit, class_sensitivity])
def test_it_is_the_rank_correlation_with_that_classs_map(metric, batch, explaining):
    explainer = explaining("saliency", nets.deep())
    asked = []
    real = explainer.maps
    maps = real(batch)

    def noted(batch):
        asked.append(batch.targets)
        return real(batch)

    explainer.maps = noted
    found = metric(maps, batch, explainer)
    (targets,) = asked
    for i, target in enumerate(targets.tolist()):
        alone = batch.select([i])
        other = replace(alone, targets=torch.tensor([target]))
        expected = ranks(real(alone)[0].numpy(), real(other)[0].numpy())
        assert found.scores[i].item() == pytest.approx(expected, abs=1e-5)
    if metric is class_sensitivity:
        assert torch.equal(targets, explainer.classifier.logits(batch.images).argmin(1))
    assert torch.equal(metric(maps, batch, explainer).scores, found.scores)


@pytest.mark.parametrize("metric", [random_logit, class_sensitivity])
def test_what_asks_about_no_class_is_the_same_for_all(metric, batch, explaining):
    explainer = explaining("mean-activation")
    assert metric(explainer.maps(batch), batch, explainer).scores.tolist() == pytest.approx([1] * 3)


def test_a_flat_map_of_either_class_is_undefined(batch, explaining):
    maps = explaining("saliency").maps(batch)
    maps[0] = 0
    assert random_logit(maps, batch, explaining("saliency")).undefined == {0: "its map is flat"}
    found = random_logit(maps, batch, explaining("constant"))
    other = "the other class's map is flat"
    assert found.undefined == {0: "its map is flat", 1: other, 2: other}
    assert found.scores.isnan().all()


def test_forwards_are_counted(batch, explaining):
    explainer = explaining()
    random_logit(torch.rand(3, *SIZE), batch, explainer)
    assert explainer.forwards == 1 + 3
    class_sensitivity(torch.rand(3, *SIZE), batch, explainer)
    assert explainer.forwards == 4 + 3 + 3
