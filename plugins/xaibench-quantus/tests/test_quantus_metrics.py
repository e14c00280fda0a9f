"""Quantus's metrics keep the contract, say what Quantus says, and stand beside ours."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

with warnings.catch_warnings(action="ignore"):  # what it imports is its own affair
    quantus = pytest.importorskip(
        "quantus", reason="Quantus is not installed: pip install xaibench-quantus"
    )
pytest.importorskip("xaibench_quantus", reason="the package is not installed")

from xaibench_metrics.description.sparseness import complexity, sparseness
from xaibench_metrics.faithfulness.pixel_flipping import pixel_flipping as our_pixel_flipping
from xaibench_metrics.localisation.energy import energy, relevance_rank, tied_peak
from xaibench_quantus import xaibench_metrics
from xaibench_quantus.choices import SOFTMAX, TOLD
from xaibench_quantus.faithfulness import features_of, patch_of

from xaibench.api.region import Region
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.testing.common.contract import BROKEN, KEPT, judge
from xaibench.testing.metrics.metric_contract import CONTRACT, MetricSubject
from xaibench.testing.metrics.metric_trial import EVIDENCE, MetricTrial, spotted, spotting, usual

SPECS = {spec.name.removeprefix("quantus-lib-"): spec for spec in xaibench_metrics()}
FEWER = {  # forwards, of the same methods: the contract asks each some thirty times
    "pixel-flipping": {"steps": 12},
    "region-perturbation": {"grid": 4, "regions": 5},
    "selectivity": {"grid": 4},
    "faithfulness-correlation": {"runs": 8},
    "faithfulness-estimate": {"steps": 12},
    "monotonicity-correlation": {"steps": 6, "samples": 3},
}
ASKING = [name for name, spec in SPECS.items() if "explainer" in spec.needs]


def kind_of(spec):
    return spec.convention["computed by"].split("its class ")[1].split(",")[0]


@cache
def subject(name):
    return MetricSubject(replace(SPECS[name], settings={**SPECS[name].settings, **FEWER.get(name, {})}))


@pytest.mark.parametrize("name", SPECS)
def test_a_metric_keeps_the_contract(name):
    verdicts = [judge(subject(name), clause) for clause in CONTRACT]
    assert [str(verdict) for verdict in verdicts if verdict.status == BROKEN] == []
    assert sum(verdict.status == KEPT for verdict in verdicts) >= 9


@pytest.mark.parametrize("name", ASKING)
def test_what_the_network_looks_at_does_not_score_worse(name):
    """The contract leaves this to those who ask the explainer; these only borrow its network."""
    batch, right, wrong = spotted()
    trial = MetricTrial(subject(name).spec)
    good, bad = (trial.score(maps, batch, spotting).scores.mean() for maps in (right, wrong))
    assert good > bad if trial.spec.higher_is_better else good < bad


@pytest.mark.parametrize("name", SPECS)
def test_the_direction_is_quantus_own_where_that_is_right(name):
    higher = getattr(quantus, kind_of(SPECS[name])).score_direction.value == "higher"
    assert (higher == SPECS[name].higher_is_better) == (name != "region-perturbation")


class Plain(torch.nn.Module):
    """A network of float64 for float32 images."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, images):
        return self.network(images.double())


def chosen(name, maps):
    """What the functions work out from the image's size, worked out by hand."""
    assert maps.shape[1:] == (16, 12)
    return {
        "effective-complexity": {"eps": 1e-5},
        "top-k-intersection": {"k": 4},  # 1000 / 224 ** 2 of 192 pixels
        "pixel-flipping": {"features_in_step": 48},  # 576 values in 12 steps
        "region-perturbation": {"patch_size": 4, "regions_evaluation": 5},
        "selectivity": {"patch_size": 4},
        "faithfulness-correlation": {"nr_runs": 8, "subset_size": 13},
        "faithfulness-estimate": {"features_in_step": 48},
        "monotonicity-correlation": {"features_in_step": 96, "nr_samples": 3},
    }.get(name, {})


def directly(name, maps, batch):
    """Quantus called as its own documentation does, on each image."""
    kind, network = kind_of(SPECS[name]), Plain(usual().network)
    found = []
    for i, generator in enumerate(batch.generators(kind)):
        np.random.seed(int(torch.randint(2**31, (1,), generator=generator)))
        metric = getattr(quantus, kind)(
            **chosen(name, maps), return_aggregate=False, disable_warnings=True
        )
        region = batch.regions[i].covered(maps.shape[1:]) >= 0.5
        (value,) = metric(
            model=network if name in ASKING else None,
            x_batch=batch.images[i : i + 1].numpy().copy(),
            y_batch=batch.targets[i : i + 1].numpy(),
            a_batch=maps[i : i + 1, None].numpy().copy(),
            s_batch=region[None, None].numpy(),
            channel_first=True,
        )
        found.append(np.trapezoid(value) if np.ndim(value) else value)
    return np.array(found, dtype=float)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.filterwarnings("ignore:The settings for perturbing input")
@pytest.mark.filterwarnings("ignore:Ratio is smaller than max size")  # AttributionLocalisation
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:quantus")  # AttributionLocalisation
def test_the_score_is_what_quantus_says_with_its_defaults(name):
    trial = MetricTrial(subject(name).spec)
    maps, batch = trial.maps["with a plateau"], trial.batch
    before = np.random.get_state()[1].tolist()
    found = trial.score(maps).scores.numpy()
    assert np.random.get_state()[1].tolist() == before
    state = np.random.get_state()
    try:
        expected = directly(name, maps, batch)
    finally:
        np.random.set_state(state)
    assert len(set(found.tolist())) > 1 or name in ("effective-complexity", "pointing-game")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_every_class_is_told_what_the_convention_says():
    assert {kind_of(spec) for spec in SPECS.values()} == set(TOLD)
    assert {kind_of(SPECS[name]) for name in ASKING} == set(SOFTMAX)
    for spec in SPECS.values():
        for setting, value in TOLD[kind_of(spec)].items():
            assert f"{setting}={value}" in spec.convention["settings"]
        assert f"Quantus {quantus.__version__}" in spec.convention["computed by"]


@pytest.mark.parametrize(
    ("name", "ours", "tolerance"),
    [
        ("sparseness", sparseness, 1e-6),  # they add 1e-7 to every pixel
        ("complexity", complexity, 1e-8),  # they add 1e-12 to every share
        ("pointing-game", tied_peak, 0),
        ("relevance-mass-accuracy", lambda maps, batch: energy(maps, batch, "mask"), 1e-12),
        ("attribution-localisation", lambda maps, batch: energy(maps, batch, "mask"), 1e-9),  # they add
        ("relevance-rank-accuracy", relevance_rank, 1e-12),
    ],
)
def test_theirs_and_ours_say_the_same_of_a_map_and_a_mask(name, ours, tolerance):
    """The mask begins and ends with pixels: ours weighs those on its edge, theirs takes half or more."""
    batch, right, wrong = spotted()
    maps = torch.stack([right[0], wrong[1], MetricTrial(SPECS[name]).maps["without ties"][2]])
    found = SPECS[name].load()(maps, batch).scores
    assert len(set(found.tolist())) > 1
    torch.testing.assert_close(found, ours(maps, batch).scores.double(), rtol=0, atol=tolerance)


def test_pixel_flipping_is_the_preset_of_as_many_values_a_step():
    trial = MetricTrial(SPECS["pixel-flipping"])
    features = features_of(trial.maps["without ties"], 147)
    preset = replace(
        trial.spec,
        at=f"{our_pixel_flipping.__module__}:pixel_flipping",
        settings={"features": features},
        needs=(),
    )
    theirs, ours = (MetricTrial(spec).usual["without ties"].returned for spec in (trial.spec, preset))
    assert theirs.curves.shape == (3, 144)
    # Quantus casts the images to float32.
    torch.testing.assert_close(theirs.curves, ours.curves, rtol=0, atol=1e-6)
    torch.testing.assert_close(theirs.scores, ours.scores, rtol=1e-6, atol=0)


def test_at_224_the_steps_are_those_that_the_summaries_say():
    maps = torch.zeros(1, 224, 224)
    assert [features_of(maps, steps) for steps in (147, 28)] == [1024, 6272]
    assert patch_of(maps, 14) == 16
    assert features_of(maps, 2) == 224 * 224  # the fewest that Quantus takes are three


def test_where_quantus_has_no_number_the_reason_is_its_own():
    trial = MetricTrial(SPECS["auc"])
    whole = Region((12, 16), (0, 0, 12, 16), ((0, 0, 12, 16),))
    batch = replace(trial.batch, regions=(whole, *trial.batch.regions[1:]))
    said = trial.score(trial.maps["without ties"], batch).returned
    assert list(said.undefined) == [0]
    assert said.undefined[0].startswith("Quantus's AUC gives no number: No negative samples")
    assert said.scores[1:].isfinite().all()


def test_every_forward_is_counted_and_nothing_is_printed(capsys):
    trial = MetricTrial(subject("selectivity").spec)
    made, classifier = [], usual()
    classifier.network.register_forward_hook(lambda module, inputs, output: made.append(len(output)))
    again = Again(EVIDENCE, classifier, 16)
    trial.spec.load()(trial.maps["without ties"], trial.batch, again)
    assert again.forwards == sum(made) > 3
    assert capsys.readouterr() == ("", "")


def test_a_run_has_them_beside_ours(tmp_path):
    registry = installed()
    registry = replace(
        registry, metrics={**registry.metrics, **{spec.name: spec for spec in SPECS.values()}}
    )
    names = [
        f"quantus-lib-{name}" for name in ("pointing-game", "sparseness", "faithfulness-correlation")
    ]
    config = settle(
        None,
        ("scenes-cnn",),
        ("scenes",),
        explainers=("grad-cam",),
        metrics=("quantus-pointing-game", "sparseness", *names),
        limit=2,
        gallery=0,
        device="cpu",
    )
    rows = run(config, tmp_path, registry=registry).scores
    assert set(rows["metric"]) == {"quantus-pointing-game", "sparseness", *names}
    assert set(rows["status"]) <= {"ok", "undefined"}
    table = rows.pivot_table(index=["explainer", "image", "target"], columns="metric", values="score")
    np.testing.assert_allclose(table[names[1]], table["sparseness"], atol=1e-4)
    pointed = table[[names[0], "quantus-pointing-game"]].dropna()
    assert len(pointed)
    assert (pointed[names[0]] == pointed["quantus-pointing-game"]).all()
    asked = rows[(rows["metric"] == names[2]) & (rows["status"] == "ok")]
    assert (asked["metric_forwards"] == 101).all()
