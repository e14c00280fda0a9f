import numpy as np
import pytest
from tables import folder, rows

from xaibench.report.page.insertion_deletion_curves import CURVES, POINTS, band, curves
from xaibench.results.intervals import interval
from xaibench.results.results import Results
from xaibench.results.rows import Row

NAMES = ["cam", "other", "random"]


def test_a_band_is_the_bootstrap_interval_of_each_step():
    import pandas as pd

    rng = np.random.default_rng(0)
    each = rng.random((9, 4))
    codes = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5])
    mean, low, high = band(each, codes, 6)
    np.testing.assert_allclose(mean, each.mean(0))
    for step in range(4):
        ends = interval(pd.Series(each[:, step]), pd.Series(codes.astype(str)))
        assert (low[step], high[step]) == pytest.approx(ends)


def test_long_curves_keep_their_ends():
    each = np.linspace(0, 1, 225)[None].repeat(3, 0)
    mean, _, _ = band(each, np.arange(3), 3)
    assert len(mean) == POINTS
    assert (mean[0], mean[-1]) == (0, 1)


def test_only_curves_of_probabilities_are_drawn():
    told = ["insertion", "deletion-28", "insertion-grid", "deletion-1pc"]
    others = ["max-box-acc-v2", "insertion-deletion", "insertion-normalised", "pixel-average-precision"]
    assert all(CURVES.fullmatch(name) for name in told)
    assert not any(CURVES.fullmatch(name) for name in others)


def test_protocols_stand_apart_and_all_explainers_are_on_the_same_images(tmp_path):
    rng = np.random.default_rng(0)
    tables = []
    for metric in ("insertion-28", "deletion-28", "insertion"):
        lacking = rng.random((5, 3))
        lacking[0, 1] = np.nan
        tables.append(
            [
                Row(**{**vars(row), "curve": tuple(rng.random(4)) if row.status == "ok" else ()})
                for row in rows(lacking, NAMES, metric=metric)
            ]
        )
    results = Results.load(folder(tmp_path / "run", *tables))
    means = {
        (name, metric): 0.5 for name in NAMES for metric in ("insertion-28", "deletion-28", "insertion")
    }
    found = list(curves(results, "m", "d", ["other", "cam", "absent", "random"], means))
    assert [each.metrics for each in found] == [("insertion-28", "deletion-28"), ("insertion",)]
    for each in found:
        assert (each.images, each.left_out) == (4, 1)
        assert [panel.explainer for panel in each.panels] == ["other", "cam", "random"]
