"""Whether one run is worse than another: no regression, regression, or it cannot be told.

Each row (an explainer by a metric on a model and data set) is tested on differences of its units, new
less old, in the direction in which more is better. A regression is a mean difference below -margin.

* Regression: one-sided max-T tests by random signs (see `sign_flips`) that d + margin is centred below
  zero, corrected over the rows. Rows that cannot reject are no part of the correction (Tarone 1990,
  doi:10.2307/2531456): rows whose units are too few whatever their signs, and rows in which no score
  has changed.
* No regression: every row's test that d + margin is centred above zero rejects (each at the full level,
  as all of them must: Berger 1982, doi:10.2307/2531712).
* Otherwise it cannot be told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from xaibench.results.arrays import Each, Flags, Numbers, Vector
from xaibench.results.verdict.sign_flips import ALPHA, adjusted_p
from xaibench.results.verdict.unit_scores import EQUAL

MARGIN = 0.005  # of the metric's range


class RowOutcome(StrEnum):
    """What is known of a row, or of all rows together."""

    NONE = "no regression"
    REGRESSION = "regression"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class RowChanges:
    """What changed in one row.

    Args:
        differences: new less old by unit, larger is better, as shares of the metric's range.
    """

    differences: Mapping[str, float]


def outcomes(
    rows: Sequence[RowChanges], margin: float = MARGIN, alpha: float = ALPHA
) -> list[RowOutcome]:
    """Return what is known of each row.

    Args:
        rows: what changed; a unit of one name in two rows is the same unit and keeps its sign.
        margin: a mean difference down to -margin is no regression.
        alpha: probability with which any row is wrongly called a regression.
    """
    units = list(dict.fromkeys(unit for row in rows for unit in row.differences))
    place = {unit: i for i, unit in enumerate(units)}
    table = np.zeros((len(units), len(rows)))
    changed = np.zeros(len(rows), dtype=bool)
    for column, row in enumerate(rows):
        for unit, difference in row.differences.items():
            beyond = abs(difference) > EQUAL
            changed[column] |= beyond
            table[place[unit], column] = margin + (difference if beyond else 0.0)
    worse = np.ones(len(rows))
    testable = rows_to_test(table, changed, alpha)
    worse[testable] = adjusted_p(-table[:, testable])
    safe = [adjusted_p(taking_part(table[:, [column]]))[0] for column in range(len(rows))]
    return [outcome(w, s, alpha) for w, s in zip(worse, safe, strict=True)]


def overall(rows: Sequence[RowOutcome]) -> RowOutcome:
    """Return what is known of all rows together; nothing is known of no rows."""
    if RowOutcome.REGRESSION in rows:
        return RowOutcome.REGRESSION
    if rows and all(row is RowOutcome.NONE for row in rows):
        return RowOutcome.NONE
    return RowOutcome.UNKNOWN


def outcome(p_worse: float, p_safe: float, alpha: float) -> RowOutcome:
    """Return what two tests of one row say together."""
    if p_worse <= alpha:
        return RowOutcome.REGRESSION
    return RowOutcome.NONE if p_safe <= alpha else RowOutcome.UNKNOWN


def rows_to_test(table: Numbers, changed: Flags, alpha: float) -> Flags:
    """Return which rows could be called a regression at all.

    Args:
        table: (units, rows), 0 where a unit takes no part.
        changed: whether any score of the row has changed.
        alpha: level; the least p that a row of n units can have is 2^-n.
    """
    least: Each = 0.5 ** (table != 0).sum(0)
    return np.asarray((least <= alpha) & changed)


def taking_part(column: Numbers) -> Numbers:
    """Return the rows of one comparison that take part in it, (units, 1)."""
    part: Vector = column[column[:, 0] != 0]
    return part
