"""What all the metrics of where a map is have in common, and what a run makes of them."""

import numpy as np
import pytest
import torch
import toys
from located import regions, trials
from xaibench_metrics.description.specs import SPARSENESS
from xaibench_metrics.localisation.max_box_acc import LEVELS
from xaibench_metrics.localisation.specs_boxes import BOXES
from xaibench_metrics.localisation.specs_energy import ENERGY, MASK_IOU
from xaibench_metrics.localisation.specs_max_box_acc import MAX_BOX_ACC
from xaibench_metrics.localisation.specs_pixel_precision import PIXEL_PRECISION
from xaibench_metrics.localisation.specs_pointing_game import POINTING_GAME_VARIANTS

import xaibench
from xaibench.api.batch import Region
from xaibench.api.scored import Scored
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run
from xaibench.results.aggregates import AGGREGATES, IOU_LEVELS

LOCALISATION = (
    *(*ENERGY, *BOXES, *MAX_BOX_ACC, *PIXEL_PRECISION, *MASK_IOU, *POINTING_GAME_VARIANTS),
    *SPARSENESS,
)
NAMES = tuple(metric.name for metric in LOCALISATION)
BEST = {"localisation-error": 0, "localisation-error-known": 0}
BEST |= {f"{name}-20": best for name, best in BEST.items()}


def test_levels_are_the_same_in_scores_and_in_their_aggregate():
    assert LEVELS == IOU_LEVELS


@pytest.mark.parametrize("metric", LOCALISATION, ids=lambda metric: metric.name)
def test_a_metric_is_installed_and_aggregated_by_what_there_is(metric):
    assert installed().metric(metric.name) == metric
    assert metric.aggregate in AGGREGATES


@pytest.mark.parametrize("metric", LOCALISATION, ids=lambda metric: metric.name)
def test_a_batch_is_a_loop(metric):
    height, width, some = 13, 10, regions()
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(len(some), height, width, generator=generator)
    maps[:, :3] = 0  # ties
    maps[3] = 1
    batch = trials(some, height, width, predicted=torch.arange(len(some)) % 2)
    function = metric.load()
    together = detailed(function(maps, batch))
    low, high = metric.range
    for i in range(len(some)):
        alone = detailed(function(maps[i : i + 1], batch.select([i])))
        assert together.undefined.get(i) == alone.undefined.get(0)
        if i not in together.undefined:
            torch.testing.assert_close(together.scores[i], alone.scores[0])
            assert low <= together.scores[i] <= high
            if alone.curves is not None:
                torch.testing.assert_close(together.curves[i], alone.curves[0])


def detailed(said: "Scored | torch.Tensor") -> Scored:
    return said if isinstance(said, Scored) else Scored(said)


@pytest.fixture(scope="module")
def on_scenes(tmp_path_factory):
    """The annotation as an explanation, at the size of the network's input."""
    config = Config(
        grid=(Grid(models=("scenes-cnn",), data=("scenes",)),),
        explainers=("ground-truth",),
        metrics=NAMES,
        limit=6,
        gallery=0,
        width=8,
    )
    return run(config, tmp_path_factory.mktemp("scenes"))


def test_the_annotation_is_at_the_ceiling_and_nothing_else(on_scenes):
    found = on_scenes.intervals.set_index(["explainer", "metric"])
    boxed = on_scenes.scores[on_scenes.scores["metric"] == "mask-iou-0"]
    for name in NAMES:
        facts = found.loc[("ground-truth", name)]
        assert (facts["images"], facts["undefined"], facts["failed"]) == (6, 0, 0), name
        if name.startswith("mask-iou"):  # the share of its box that the object fills
            expected = boxed.loc[boxed["explainer"] == "ground-truth", "score"].mean()
            assert 0 < expected < 1
        elif name in ("sparseness", "complexity"):
            continue
        else:
            expected = BEST.get(name, 1)
            assert found.loc[("random", name), "mean"] != pytest.approx(expected)
        assert facts["mean"] == pytest.approx(expected), name


def test_descriptions_of_the_annotation_are_those_of_its_area(on_scenes):
    """A map of ones on n pixels of d: Gini 1 - n / d, entropy ln n."""
    rows = on_scenes.scores[on_scenes.scores["explainer"] == "ground-truth"].set_index("image")
    chance = rows[rows["metric"] == "relevance-mass"]["curve"].map(lambda curve: curve[0])
    sparse = rows[rows["metric"] == "sparseness"]["score"]
    complexity = rows[rows["metric"] == "complexity"]["score"]
    np.testing.assert_allclose(sparse, 1 - chance, rtol=1e-5)
    np.testing.assert_allclose(complexity, np.log(chance * 64 * 64), rtol=1e-5)


def test_data_set_values_are_not_means_of_scores(on_scenes):
    """But for the annotation, whose every image is perfect."""
    values = on_scenes.intervals.set_index(["explainer", "metric"])["mean"]
    means = on_scenes.scores.groupby(["explainer", "metric"])["score"].mean()
    for name in ("max-box-acc-v2", "pixel-average-precision", "pointing-game-per-class"):
        differ = (values - means).xs(name, level="metric").drop("ground-truth").abs() > 1e-6
        assert differ.any(), name
    assert set(on_scenes.scores["aggregate"]) == set(AGGREGATES)


def test_in_a_run_an_error_knows_what_the_network_predicts(tmp_path):
    """The image of another size than the network's; the second has two classes, so one is wrong."""
    metrics = ("localisation-error", "localisation-error-known", "relevance-mass")
    registry = toys.registry("activation", "constant", metrics=metrics)
    registry.explainers["ground-truth"] = installed().explainer("ground-truth")
    config = Config(
        grid=(Grid(models=("toy",), data=("generated",)),),
        explainers=("ground-truth", "constant"),
        metrics=metrics,
        gallery=0,
        width=4,
    )
    rows = run(config, tmp_path, registry=registry).scores
    truth = rows[(rows["explainer"] == "ground-truth") & (rows["status"] == "ok")]
    known = truth[truth["metric"] == "localisation-error-known"]
    both = truth[truth["metric"] == "localisation-error"]
    assert set(known["score"]) == {0}
    assert set(both["score"]) == {0, 1}
    assert (both["score"] == (both["predicted"] != both["target"])).all()
    mass = rows[rows["metric"] == "relevance-mass"]
    assert set(mass["reason"]) == {"no mask of the target class", "no box or mask of the target class"}
    flat = rows[(rows["explainer"] == "constant") & rows["metric"].str.startswith("localisation")]
    assert set(flat["status"]) == {"undefined"}
    assert set(flat["reason"]) == {"the map is flat", "no box or mask of the target class"}


def test_in_python_the_prediction_is_known_too():
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    predicted = toys.model().logits(images).argmax(1)
    region = Region((16, 16), (0, 0, 16, 16), boxes=((2, 2, 9, 9),))
    maps = torch.stack([region.covered((16, 16))] * 2).float()
    asked = {"metric": "localisation-error", "regions": [region] * 2}
    assert xaibench.score(maps, images, toys.model(), **asked).tolist() == [0, 0]
    other = (predicted + torch.tensor([0, 1])) % toys.CLASSES
    assert xaibench.score(maps, images, toys.model(), targets=other, **asked).tolist() == [0, 1]
