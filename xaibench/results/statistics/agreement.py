"""Agreement between the orders of explainers by metrics, models or data sets: Kendall's tau-b."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from xaibench.results.statistics.score_matrix import Paired

ALONG = ("metric", "model", "dataset")
FEWEST = 2  # explainers; fewer have no order

Orders = Mapping[tuple[str, ...], dict[str, float]]  # goodness by explainer, of each comparison


def agreement(cells: Sequence[Paired], along: str = "metric") -> pd.DataFrame:
    """Return Kendall's tau-b between explainers' orders, for all pairs of metrics, models or data sets.

    Two of them are compared where all else is the same (two metrics: on one model and data set), on
    the explainers that both have values of, better ones first whichever way the metric goes; the tau is
    the mean over those comparisons.

    Args:
        cells: metrics of models on data sets.
        along: "metric", "model" or "dataset".

    Returns:
        A row a pair, in both directions and each with itself: first, second, tau (NaN where there is
        no order to compare), explainers (fewest that a tau is of), comparisons.
    """
    if along not in ALONG:
        raise ValueError(f"agreement along {along!r}; expected one of {', '.join(ALONG)}")
    levels: dict[str, dict[tuple[str, ...], dict[str, float]]] = {}
    for cell in cells:
        names = {"metric": cell.column, "model": cell.model, "dataset": cell.dataset}
        rest = tuple(name for axis, name in names.items() if axis != along)
        values = dict(zip(cell.explainers, cell.goodness.tolist(), strict=True))
        levels.setdefault(names[along], {})[rest] = values
    records = [
        {"along": along, "first": first, "second": second, **mean_tau(levels[first], levels[second])}
        for first, second in product(levels, repeat=2)
    ]
    return pd.DataFrame(records)


def mean_tau(first: Orders, second: Orders) -> dict[str, float | int]:
    """Return the mean tau over common comparisons, the fewest explainers in one, and their number."""
    taus = [tau(first[rest], second[rest]) for rest in first if rest in second]
    defined = [(value, count) for value, count in taus if not np.isnan(value)]
    return {
        "tau": float(np.mean([value for value, _ in defined])) if defined else float("nan"),
        "explainers": min((count for _, count in defined), default=0),
        "comparisons": len(defined),
    }


def tau(first: dict[str, float], second: dict[str, float]) -> tuple[float, int]:
    """Return Kendall's tau-b of two explainers' values, and their number; NaN if one's are all equal."""
    common = [name for name in first if not np.isnan([first[name], second.get(name, np.nan)]).any()]
    if len(common) < FEWEST:
        return float("nan"), len(common)
    one, other = ([values[name] for name in common] for values in (first, second))
    return float(kendalltau(one, other).statistic), len(common)
