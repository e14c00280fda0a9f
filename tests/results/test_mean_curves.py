from dataclasses import replace

import numpy as np
import pytest
import tables

from xaibench.results.mean_curves import mean_curves, resampled


def rows(curves, **facts):
    """A row an image and explainer; its score is the trapezoids' area under its curve."""
    areas = [[np.trapezoid(curve, dx=1 / (len(curve) - 1)) for curve in images] for images in curves]
    flat = [curve for images in curves for curve in images]
    found = tables.rows(areas, **facts)
    return [replace(row, curve=tuple(curve)) for row, curve in zip(found, flat, strict=True)]


def test_the_area_under_the_mean_curve_is_the_mean_score():
    curves = np.random.default_rng(0).uniform(size=(7, 3, 29))
    table = tables.frame(rows(curves))
    (found,) = mean_curves(table)
    assert found.key == "x@1"
    for name, scores in table.groupby("explainer")["score"]:
        area = np.trapezoid(found.curves[name], dx=1 / 28)
        assert area == pytest.approx(scores.mean(), abs=1e-12)


def test_curves_of_other_lengths_are_read_off_at_the_same_steps():
    (found,) = mean_curves(tables.frame(rows([[[0.0, 0.5, 1.0]], [[1.0, 1.0, 1.0, 1.0, 1.0]]])))
    np.testing.assert_allclose(found.curves["e0"], [0.5, 0.625, 0.75, 0.875, 1.0])
    assert found.ends == (0.0, 1.0)
    np.testing.assert_allclose(resampled([[1.0, 3.0]], 3), [[1.0, 2.0, 3.0]])


def test_what_is_no_curve_is_left_out():
    table = tables.frame(
        rows([[[0.0, 0.5, 1.0]]], metric="of-parts", aggregate="average-precision"),
        rows([[[0.0, 1.0]]], metric="two-points"),
        tables.rows([[0.5]], metric="none"),
        [
            replace(row, status="undefined", reason="no")
            for row in rows([[[0.0, 0.5, 1.0]]], metric="odd")
        ],
    )
    assert list(mean_curves(table)) == []
