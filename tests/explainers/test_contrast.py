"""Another contrast changes no order, and says so in what depends on the order alone."""

import pytest
import torch
from xaibench_explainers.contrast import contrast
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.score_cam import score_cam

from xaibench.api import PluginError
from xaibench.api.maps import rescale, upsample
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream, Task

METRICS = ("insertion-28", "deletion-28", "pointing-game")
EXPONENTS = pytest.mark.parametrize("exponent", [0.5, 1.5])


@EXPONENTS
def test_the_map_on_zero_to_one_is_raised_to_the_power(capture, exponent):
    plain = rescale(upsample(grad_cam(capture), (32, 24)))
    torch.testing.assert_close(contrast(grad_cam, exponent)(capture), plain.pow(exponent))


@EXPONENTS
def test_no_metric_of_the_order_changes(gap_capture, exponent):
    names = ("grad-cam", f"grad-cam+contrast-{exponent}")
    stream = Stream(gap_capture.classifier.logits, 16)
    explained = explain(gap_capture, [installed().explainer(name) for name in names], stream)
    plain, raised = (explained[name].maps for name in names)
    assert (raised.mean() > plain.mean()) == (exponent < 1)
    metrics = [installed().metric(name) for name in METRICS]
    policies = [frozenset({"label", "predicted"})] * 3
    scored = score(explained, metrics, policies, gap_capture.batch, stream)
    for name in METRICS:
        before, after = (scored[explainer, name].values for explainer in names)
        torch.testing.assert_close(after, before)


def test_it_composes_with_what_asks_for_forwards(capture):
    stream = Stream(capture.classifier.logits, 8)
    tasks = [Task(method(capture), capture.batch) for method in (score_cam, contrast(score_cam, 0.5))]
    plain, raised = stream.drive(tasks)
    torch.testing.assert_close(raised.value, rescale(upsample(plain.value, (32, 24))).sqrt())


def test_a_flat_map_stays_flat_and_a_nan_a_nan(gap_capture):
    def broken(capture):
        maps = torch.ones_like(grad_cam(capture))
        maps[1, 0, 0] = torch.nan
        return maps

    found = contrast(broken, 0.5)(gap_capture)
    assert not found[[0, 2]].any()
    assert found[1].isnan().any()


def test_what_cannot_be_raised_is_refused(gap_capture):
    with pytest.raises(ValueError, match="exponent is 0; it must be above 0"):
        contrast(grad_cam, 0)
    with pytest.raises(PluginError, match=r"returned \(3,\); expected \(3, h, w\)"):
        contrast(lambda capture: capture.batch.targets, 0.5)(gap_capture)
