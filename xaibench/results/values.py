"""A metric as a column of the leaderboard, and the value of an explainer in it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isclose, nan
from typing import Any

from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.statistics.ties import Ties, letters_in, ties_of

ROUNDING = 1e-12  # of a value's size, or of 1 below that: values that differ by less are one value
ABSENT = ("unsupported", "failed", "undefined")  # statuses without a score, the most telling first


@dataclass(frozen=True, eq=False)
class Column:
    """A metric version on one model and data set. Its ties are tested on first use.

    Args:
        cell: its scores.
    """

    cell: Paired = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self.cell.metric

    @property
    def version(self) -> int:
        """The version of the metric."""
        return self.cell.version

    @property
    def higher_is_better(self) -> bool:
        """Whether larger scores are better."""
        return self.cell.higher_is_better

    @property
    def describes(self) -> bool:
        """Whether the metric only describes, and does not rank explainers."""
        return not self.cell.ranks

    @property
    def key(self) -> str:
        """The column's heading in the tables of `Results`."""
        return self.cell.column

    @property
    def arrow(self) -> str:
        """An arrow towards better scores."""
        return "↑" if self.higher_is_better else "↓"

    @cached_property
    def best(self) -> frozenset[str]:
        """The explainers with the best value, except for rounding."""
        values = dict(zip(self.cell.explainers, self.cell.values.tolist(), strict=True))
        top = values.get(self.cell.best, nan)
        return frozenset(
            name
            for name, value in values.items()
            if isclose(value, top, rel_tol=ROUNDING, abs_tol=ROUNDING)
        )

    @cached_property
    def ties(self) -> Ties:
        """The significant differences between explainers by this metric alone."""
        return ties_of(self.cell)

    @cached_property
    def letters(self) -> dict[str, str]:
        """The tie letters of each explainer; "" without scores."""
        return dict(zip(self.ties.explainers, self.ties.letters, strict=True))

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Each explainer's rank: 1 + the number of significantly better ones; NaN without scores."""
        return dict(zip(self.ties.explainers, self.ties.ranks.tolist(), strict=True))

    @cached_property
    def leading(self) -> frozenset[str]:
        """The tie letters of the best explainers."""
        return frozenset(letter for name in self.best for letter in letters_in(self.letters[name]))


@dataclass(frozen=True, eq=False)
class Value:
    """The value of one explainer by one metric.

    Args:
        column: the metric.
        explainer: its name.
        mean, low, high: the value and its 95 % bootstrap interval; NaN if there is none.
        images: number of images that it was scored on.
        lacking: number of missing scores by status.
        degenerate: number of constant maps.
        why: the missing scores with all reasons; "" if no score is missing.
    """

    column: Column = field(repr=False)
    explainer: str
    mean: float = nan
    low: float = nan
    high: float = nan
    images: int = 0
    lacking: Mapping[str, int] = field(default_factory=dict)
    degenerate: int = 0
    why: str = ""

    @property
    def requested(self) -> bool:
        """Whether the run scores this explainer by this metric at all."""
        return self.explainer in self.column.cell.explainers

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def missing(self) -> int:
        """The number of scores that it lacks, for any reason."""
        return sum(self.lacking.values())

    @property
    def unsupported(self) -> bool:
        """Whether the explainer does not apply."""
        return bool(self.lacking.get("unsupported"))

    @property
    def best(self) -> bool:
        """Whether no value is better, except for rounding."""
        return self.explainer in self.column.best

    @property
    def tied(self) -> bool:
        """Whether it does not differ significantly from the best, and is not the best."""
        return not self.best and not self.column.leading.isdisjoint(letters_in(self.letters))

    @property
    def letters(self) -> str:
        """Its tie letters by this metric alone."""
        return self.column.letters.get(self.explainer, "")

    @property
    def rank(self) -> float:
        """1 + the number of significantly better explainers by this metric alone; NaN without scores."""
        return self.column.ranks.get(self.explainer, nan)


def value_of(column: Column, row: Mapping[Hashable, Any]) -> Value:
    """Return the value in a row of `Results.intervals`."""
    return Value(
        column,
        str(row["explainer"]),
        float(row["mean"]),
        float(row["low"]),
        float(row["high"]),
        int(row["images"]),
        {status: int(row[status]) for status in ABSENT},
        int(row["degenerate"]),
        str(row["reasons"]),
    )
