"""What metrics may return and ask, besides one score an image."""

from dataclasses import replace

import nets
import numpy as np
import pytest
import torch
import toys
from toys import toy_metric_registry
from xaibench_metrics.sanity.randomisation import parameter_randomisation

import xaibench
from xaibench.api import Undefined
from xaibench.api.batch import Batch, seed_of
from xaibench.api.capture import Capture
from xaibench.api.scored import Scored
from xaibench.api.specs import Explainer, Metric
from xaibench.api.variants import Variants
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again, explain
from xaibench.engine.evaluate.outcome import Explained, Outcome
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run

GRADIENT = Explainer(name="gradient", at="toys:gradient", needs=("gradients",))


def metric(name, needs=()):
    return Metric(
        name=name,
        at=f"toys:{name}",
        higher_is_better=True,
        range=(0, 1),
        needs=needs,
    )


@pytest.fixture
def explained(batch):
    classifier = nets.gap()
    stream = Stream(classifier.logits, 5)
    return explain(Capture(classifier, batch), [GRADIENT], stream), classifier, stream


def scored(metrics, explained, batch, again=None):
    found, _, stream = explained
    policies = [frozenset({"predicted"})] * 3
    return score(found, metrics, policies, batch, stream, again)


def outcome_of(said, batch, monkeypatch, explained, needs=()):
    """What becomes of a metric that returns `said(maps, batch)`."""
    spec = metric("any", needs)
    monkeypatch.setattr(Metric, "load", lambda self: said)
    return scored([spec], explained, batch)["gradient", "any"]


def test_a_metric_may_say_why_a_score_is_undefined(batch, monkeypatch, explained):
    def said(maps, batch):
        scores = torch.tensor([0.5, torch.nan, torch.nan])
        return Scored(scores, undefined={1: "the mask is empty"})

    outcome = outcome_of(said, batch, monkeypatch, explained)
    assert outcome.odd == {
        1: ("undefined", "the mask is empty"),
        2: ("undefined", "metric 'any' returned NaN or infinity"),
    }
    assert outcome.values[0] == 0.5


def test_curves_are_kept_without_their_end_of_nan(batch, monkeypatch, explained):
    curves = torch.tensor([[torch.nan, 0.5, 0.0], [1.0, 0.25, torch.nan], [torch.nan] * 3])
    outcome = outcome_of(
        lambda maps, batch: Scored(torch.zeros(3), curves), batch, monkeypatch, explained
    )
    kept = [outcome.curves[i] for i in range(3)]
    assert [len(curve) for curve in kept] == [3, 2, 0]
    assert kept[0].isnan().tolist() == [True, False, False]  # each keeps its place
    assert (kept[0][1:].tolist(), kept[1].tolist()) == ([0.5, 0], [1, 0.25])


def with_curves(curves):
    """Three scores and curves that need not fit them, past the checks of types that tests run under."""
    said = Scored(torch.zeros(3))
    object.__setattr__(said, "curves", curves)
    return said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (torch.zeros(2), "returned (2,); expected (3,)"),
        (torch.zeros(3, 1), "returned (3, 1); expected (3,)"),
        ([0.0] * 3, "returned list; expected (3,)"),
        (with_curves(torch.zeros(2, 9)), "curves of (2, 9); expected (3, n)"),
    ],
)
def test_what_is_not_one_score_a_trial_fails(said, reason, batch, monkeypatch, explained):
    outcome = outcome_of(lambda maps, batch: said, batch, monkeypatch, explained)
    assert outcome.status == "failed"
    assert reason in outcome.reason


def test_metrics_on_the_same_trials_are_given_the_same_maps(batch, monkeypatch, explained):
    seen = []

    def said(maps, batch):
        seen.append((maps, batch))
        return maps.new_zeros(3)

    monkeypatch.setattr(Metric, "load", lambda self: said)
    scored([metric("one"), metric("two")], explained, batch)
    assert seen[0][0] is seen[1][0]
    assert seen[0][1] is seen[1][1]


def test_a_metric_can_ask_the_explainer_about_other_classes(batch, monkeypatch, explained):
    found, classifier, stream = explained
    again = Again(GRADIENT, classifier, 5)

    def said(maps, batch, explainer):
        assert (explainer.name, explainer.cost.forwards) == ("gradient", 0)
        torch.testing.assert_close(explainer.maps(batch), maps)
        other = type(batch)(batch.ids, batch.images, (batch.targets + 1) % nets.CLASSES, batch.seeds)
        return (explainer.maps(other) != maps).flatten(1).any(1).double()

    monkeypatch.setattr(Metric, "load", lambda self: said)
    policies = [frozenset({"predicted"})] * 3
    spec = metric("any", ("explainer",))
    outcome = score(found, [spec], policies, batch, stream, {"gradient": again})["gradient", "any"]
    assert outcome.values.tolist() == [1, 1, 1]
    assert (outcome.forwards, outcome.backwards) == (2, pytest.approx(2 / 3))
    assert (again.forwards, again.backwards) == (6, 2)


def test_what_a_metric_asks_between_its_requests_counts_too(batch, monkeypatch, explained):
    found, classifier, stream = explained

    def said(maps, batch, explainer):
        curve = yield Variants(lambda row, k: batch.images[row].expand(len(k), -1, -1, -1), 2)
        explainer.maps(batch)
        return curve.mean(1)

    monkeypatch.setattr(Metric, "load", lambda self: said)
    again = {"gradient": Again(GRADIENT, classifier, 5)}
    policies = [frozenset({"predicted"})] * 3
    spec = metric("any", ("explainer",))
    outcome = score(found, [spec], policies, batch, stream, again)["gradient", "any"]
    assert (outcome.status, outcome.forwards) == ("ok", 3)


def test_maps_alone_cannot_be_asked_again(batch, monkeypatch):
    maps = Explained(Outcome([0, 1, 2]), torch.rand(3, 32, 24))
    policies = [frozenset({"predicted"})] * 3
    spec = metric("any", ("explainer",))
    outcome = score({"maps": maps}, [spec], policies, batch, Stream(nets.gap().logits, 5))["maps", "any"]
    assert outcome.status == "unsupported"
    assert outcome.reason == "it asks the explainer again, and there are only maps"


def test_scores_stand_on_the_host_wherever_the_maps_are(batch, monkeypatch):
    """What is on "meta" nobody can read."""
    maps = Explained(Outcome([0, 1, 2]), torch.rand(3, 32, 24).to("meta"))
    monkeypatch.setattr(Metric, "load", lambda self: lambda maps, batch: torch.tensor([0.5, 0.25, 0]))
    policies = [frozenset({"predicted"})] * 3
    found = score({"maps": maps}, [metric("any")], policies, batch, Stream(nets.gap().logits, 5))
    assert found["maps", "any"].values.tolist() == [0.5, 0.25, 0]


@pytest.mark.gpu
def test_what_rows_are_made_of_stands_on_the_host_and_scores_in_python_where_the_maps_are(batch):
    classifier = nets.gap()
    classifier.network.to("cuda")
    batch = replace(batch, images=batch.images.to("cuda"), targets=batch.targets.to("cuda"))
    stream = Stream(classifier.logits, 5)
    found = explain(Capture(classifier, batch), [GRADIENT], stream)
    deletion = installed().metric("deletion-28")
    outcome = score(found, [deletion], [frozenset({deletion.target})] * 3, batch, stream)
    assert found["gradient"].maps.is_cuda
    assert not found["gradient"].degenerate.is_cuda
    assert not outcome["gradient", "deletion-28"].values.is_cuda
    maps = found["gradient"].maps
    assert xaibench.score(maps, batch.images, classifier, metric="deletion-28").device == maps.device


def test_an_explainer_that_fails_when_asked_again_fails_the_metric(batch, monkeypatch, explained):
    found, classifier, stream = explained
    again = {"gradient": Again(Explainer(name="raising", at="toys:raising"), classifier, 5)}

    def said(maps, batch, explainer):
        return explainer.maps(batch).mean((1, 2))

    monkeypatch.setattr(Metric, "load", lambda self: said)
    policies = [frozenset({"predicted"})] * 3
    spec = metric("any", ("explainer",))
    outcome = score(found, [spec], policies, batch, stream, again)["gradient", "any"]
    assert outcome.status == "failed"
    assert "nothing to divide by" in outcome.reason


def test_in_a_run_passes_of_metrics_are_counted_and_curves_are_in_rows(tmp_path):
    config = Config(
        grid=(Grid(models=("toy",), data=("generated",)),),
        explainers=("gradient",),
        metrics=("deletion-28", "other-class"),
        width=5,
        gallery=0,
    )
    results = run(config, tmp_path, registry=toy_metric_registry())
    rows = results.scores[results.scores["explainer"] == "gradient"]
    deletion = rows[rows["metric"] == "deletion-28"]
    assert {len(curve) for curve in deletion["curve"]} == {27}  # 256 pixels, 10 at a step
    other = rows[rows["metric"] == "other-class"]
    assert set(other["metric_forwards"]) == {1.0}
    assert {len(curve) for curve in other["curve"]} == {0}
    all_rows = results.scores
    asked = all_rows[all_rows["metric"] == "other-class"]
    counted = deletion["metric_forwards"].sum() + asked["metric_forwards"].sum()
    control = all_rows[(all_rows["explainer"] == "control") & (all_rows["metric"] == "deletion-28")]
    counted += control["metric_forwards"].sum()
    assert results.manifest["forwards"]["metrics"] == round(counted)


def test_in_python_a_metric_that_asks_again_needs_the_explainer(monkeypatch):
    monkeypatch.setattr("xaibench.engine.tools.single.installed", toy_metric_registry)
    maps, images = torch.rand(2, 16, 16), torch.rand(2, 3, 16, 16)
    with pytest.raises(Undefined, match="give explainer="):
        xaibench.score(maps, images, toys.model(), metric="other-class")
    found = xaibench.score(maps, images, toys.model(), metric="other-class", explainer="gradient")
    assert found.shape == (2,)


def test_a_prepared_copy_is_asked_and_the_model_as_it_was_loaded_is_shown(batch):
    plain, sooner = nets.gap(), nets.gap()
    asked = []
    sooner.network.register_forward_hook(lambda *args: asked.append(args))
    again = Again(GRADIENT, plain, 5, prepared=sooner)
    assert again.classifier is plain
    expected = Again(GRADIENT, plain, 5).maps(batch)
    assert not asked
    torch.testing.assert_close(again.maps(batch), expected)
    torch.testing.assert_close(again.logits(batch.images), plain.logits(batch.images))
    assert len(asked) == 2
    again.maps(batch, nets.gap())
    assert len(asked) == 2
    assert again.forwards == 9


def test_in_a_run_weights_are_drawn_anew_in_the_network_as_it_was_loaded(tmp_path):
    """In the prepared copy its batch norm is folded away."""
    config = Config(
        grid=(Grid(models=("toy",), data=("generated",), limit=2),),
        explainers=("gradient",),
        metrics=("parameter-randomisation", "forwards", "milliseconds", "adcc", "peak-memory"),
        width=5,
        gallery=0,
    )
    results = run(config, tmp_path, registry=toys.registry("gradient", metrics=config.metrics))
    assert results.manifest["models"]["toy"]["batch_norms_folded"] == 1
    rows = results.scores[results.scores["explainer"] == "gradient"].set_index(["metric", "image"])
    classifier = toys.model()
    for i in range(2):
        pixels = classifier.preprocess.image(toys.picture(i))[None]
        target = classifier.logits(pixels).argmax(1)
        alone = Batch((f"image-{i}",), pixels, target, (seed_of(0),), (), classifier.preprocess)
        again = Again(GRADIENT, classifier, 5)
        expected = parameter_randomisation(again.maps(alone), alone, again)
        row = rows.loc["parameter-randomisation", f"image-{i}"]
        np.testing.assert_allclose(row["curve"], expected.curves[0], atol=1e-4)
        assert row["metric_forwards"] == 2
        assert rows.loc["forwards", f"image-{i}"]["score"] == 0
        assert rows.loc["milliseconds", f"image-{i}"]["score"] > 0
        assert rows.loc["peak-memory", f"image-{i}"]["score"] > 0
        assert rows.loc["adcc", f"image-{i}"]["metric_forwards"] == 2  # masked, and explained again
