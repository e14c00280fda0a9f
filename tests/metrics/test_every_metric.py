"""What holds of every metric that changes the image and watches the target."""

import driving
import pytest
import torch
from xaibench_metrics.specs_faithfulness import faithfulness

ASKING = faithfulness()
RANKING = (
    *("adaptive:", "insertion_deletion:", "perturbation:", "pixel_flipping:"),
    *("road:morf", "road:lerf", "road:road"),
)
RANKED = [metric for metric in ASKING if metric.at.split(".", 1)[1].startswith(RANKING)]


def trials():
    batch = driving.make_batch(10, 9)
    maps = driving.make_maps(batch)
    maps[0, :5] = 0.25  # a plateau, as ReLU leaves
    return maps, batch


@pytest.mark.parametrize("metric", ASKING, ids=lambda metric: metric.name)
def test_a_trials_score_does_not_depend_on_its_batch(metric):
    maps, batch = trials()
    together = driving.run(metric.load(), maps, batch, width=64).scores
    apart = driving.run(metric.load(), maps[[2, 0]], batch.select([2, 0]), width=16).scores
    alone = driving.run(metric.load(), maps[1:2], batch.select([1]), width=7).scores
    found = torch.stack([apart[1], alone[0], apart[0]])
    torch.testing.assert_close(found, together, equal_nan=True)


@pytest.mark.parametrize("metric", ASKING, ids=lambda metric: metric.name)
def test_scores_are_in_their_range(metric):
    maps, batch = trials()
    found = driving.run(metric.load(), maps, batch, width=64)
    low, high = metric.range
    said = found.scores[~found.scores.isnan()]
    assert ((low <= said) & (said <= high)).all()
    assert sorted(found.undefined) == found.scores.isnan().nonzero().flatten().tolist()


@pytest.mark.parametrize("metric", RANKED, ids=lambda metric: metric.name)
def test_an_increasing_function_of_a_map_changes_nothing_where_only_order_counts(metric):
    maps, batch = trials()
    # Means of cells keep their order under lines alone.
    other = 3 * maps + 0.5 if "grid" in metric.settings else (2 * maps).exp()
    first, second = (driving.run(metric.load(), m, batch, width=64).scores for m in (maps, other))
    torch.testing.assert_close(first, second)


def test_the_ranking_ones_are_found():
    assert {"insertion-grid", "road", "deletion-normalised"} <= {metric.name for metric in RANKED}
    rest = {metric.at.split(":")[0] for metric in ASKING if metric not in RANKED}
    assert rest == {f"xaibench_metrics.{name}" for name in ("masking", "infidelity", "road")}
