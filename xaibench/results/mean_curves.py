"""The mean curves of metrics that keep them: insertion and deletion, removal, perturbation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xaibench.results.arrays import Numbers, Vector
from xaibench.results.statistics.score_matrix import CELL

SHORTEST = 3  # points of what is still a curve
CURVES = "mean"  # the aggregate of metrics whose curves are no parts that add up to something else


@dataclass(frozen=True)
class MeanCurves:
    """The mean curves of one metric's scores on one model and data set.

    Args:
        curves: by explainer, (n,) each, from nothing swapped to all; the mean over trials.
    """

    model: str
    dataset: str
    metric: str
    version: int
    curves: dict[str, Vector]

    @property
    def key(self) -> str:
        """The key of the metric's column in the leaderboard."""
        return f"{self.metric}@{self.version}"

    @property
    def ends(self) -> tuple[float, float]:
        """The range of all curves: from 0, or the smallest value if that is negative, to the largest."""
        everything = np.concatenate(list(self.curves.values()))
        return min(0.0, float(everything.min())), float(everything.max())


def mean_curves(rows: pd.DataFrame) -> Iterator[MeanCurves]:
    """Yield the mean curves of each model, data set and metric version that keeps curves, in row order.

    Args:
        rows: a tidy table, without the shared pass.
    """
    scored = rows[(rows["status"] == "ok") & (rows["aggregate"] == CURVES)]
    long_enough = scored[scored["curve"].map(len) >= SHORTEST]
    for (model, dataset, metric, version), cell in long_enough.groupby(CELL, sort=False):
        points = int(cell["curve"].map(len).max())
        curves = {
            str(name): resampled(group["curve"].tolist(), points).mean(0)
            for name, group in cell.groupby("explainer", sort=False)
        }
        yield MeanCurves(str(model), str(dataset), str(metric), int(str(version)), curves)


def resampled(curves: Sequence[Sequence[float] | Vector], points: int) -> Numbers:
    """Return (curves, points): each curve interpolated at equal steps from its first point to its last.

    Images of other sizes may have curves of other lengths.
    """
    at = np.linspace(0, 1, points)
    return np.stack(
        [
            np.interp(at, np.linspace(0, 1, len(curve)), np.asarray(curve, dtype=float))
            for curve in curves
        ]
    )
