"""The rows of the table of intervals: what the scores of one explainer and metric come to."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd

from xaibench.results.statistics.score_matrix import (
    Paired,
    value_intervals,
    why_lacking,
)


def interval_values(cell: Paired) -> Iterator[tuple[tuple[Hashable, ...], tuple[float, float, float]]]:
    """Yield each explainer's value in a cell with its interval, by the columns of the table."""
    values = zip(cell.explainers, cell.values, *value_intervals(cell), strict=True)
    for explainer, value, low, high in values:
        key = (cell.model, cell.dataset, explainer, cell.metric, cell.version)
        yield key, (float(value), float(low), float(high))


def summary(group: pd.DataFrame, value: float, low: float, high: float) -> dict[str, Any]:
    """Return the row of one explainer and metric.

    Args:
        group: its rows of the tidy table.
        value: the mean, or the metric's own aggregate.
        low: lower end of its 95 % interval.
        high: upper end.
    """
    scored = group[group["status"] == "ok"]
    statuses = Counter(group["status"])
    reasons = group.loc[group["status"] != "ok", "reason"]
    return {
        "higher_is_better": bool(group["higher_is_better"].iloc[0]),
        "ranks": bool(group["ranks"].iloc[0]),
        "mean": value,
        "low": low,
        "high": high,
        "images": scored["image"].nunique(),
        "trials": len(scored),
        "degenerate": int(scored["degenerate"].sum()),
        "undefined": statuses["undefined"],
        "unsupported": statuses["unsupported"],
        "failed": statuses["failed"],
        "reason": reasons.iloc[0] if len(reasons) else "",
        "reasons": why_lacking(group) if len(reasons) else "",
    }
