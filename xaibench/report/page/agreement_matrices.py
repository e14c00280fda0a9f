"""Tables of Kendall's tau between the orders that metrics, models or data sets put explainers in."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xaibench.report.statistics_files import TITLES, matrices
from xaibench.results.results import Results
from xaibench.results.statistics.agreement import ALONG

SHADES = 5  # to each side of zero


@dataclass(frozen=True)
class Matrix:
    """Kendall's tau between some orders: names, and rows of (tau, number of comparisons)."""

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[float, int], ...]], ...]


def agreements(results: Results) -> list[Matrix]:
    """Return the matrix of the metrics, and of models and data sets if there are several."""
    table = pd.concat([results.agreement(along) for along in ALONG], ignore_index=True)
    drawn = []
    for title, matrix in matrices(table).items():
        pairs = table[table["along"].map(TITLES) == title].set_index(["first", "second"])
        of_each = pairs["comparisons"].to_dict()
        names = [str(name) for name in matrix.columns]
        rows = [
            (name, tuple((tau, of_each[name, other]) for other, tau in zip(names, taus, strict=True)))
            for name, taus in zip(names, matrix.to_numpy(dtype=float).tolist(), strict=True)
        ]
        drawn.append(Matrix(title, tuple(names), tuple(rows)))
    return drawn


def shade(tau: float) -> str:
    """Return the CSS class of a tau: "p1" to "p5" where orders agree, "n1" to "n5" where reversed."""
    if tau != tau:
        return ""
    level = int(np.ceil(abs(tau) * SHADES - 1e-9))
    return f"{'p' if tau > 0 else 'n'}{level}" if level else "z"
