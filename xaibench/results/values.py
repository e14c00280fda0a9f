"""A metric as a leaderboard's column, and what an explainer has by it."""

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
    """A metric version on one model and data set; who is tied by it is tested when first asked for.

    Args:
        cell: its scores.
    """

    cell: Paired = field(repr=False)

    @property
    def name(self) -> str:
        """The metric's."""
        return self.cell.metric

    @property
    def version(self) -> int:
        """The metric's."""
        return self.cell.version

    @property
    def higher_is_better(self) -> bool:
        """The direction."""
        return self.cell.higher_is_better

    @property
    def describes(self) -> bool:
        """Whether explainers do not stand by it."""
        return not self.cell.ranks

    @property
    def key(self) -> str:
        """As in the tables of `Results`."""
        return self.cell.column

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"

    @cached_property
    def best(self) -> frozenset[str]:
        """Explainers whose value nobody's is better than, but for rounding."""
        values = dict(zip(self.cell.explainers, self.cell.values.tolist(), strict=True))
        top = values.get(self.cell.best, nan)
        return frozenset(
            name
            for name, value in values.items()
            if isclose(value, top, rel_tol=ROUNDING, abs_tol=ROUNDING)
        )

    @cached_property
    def ties(self) -> Ties:
        """Who can be told apart by this metric alone."""
        return ties_of(self.cell)

    @cached_property
    def letters(self) -> dict[str, str]:
        """By explainer: who shares one cannot be told apart; "" without scores."""
        return dict(zip(self.ties.explainers, self.ties.letters, strict=True))

    @cached_property
    def ranks(self) -> dict[str, float]:
        """By explainer: 1 + how many are better beyond noise; NaN without scores."""
        return dict(zip(self.ties.explainers, self.ties.ranks.tolist(), strict=True))

    @cached_property
    def leading(self) -> frozenset[str]:
        """The letters of the best."""
        return frozenset(letter for name in self.best for letter in letters_in(self.letters[name]))


@dataclass(frozen=True, eq=False)
class Value:
    """What one explainer has by one metric.

    Args:
        column: the metric.
        explainer: who.
        mean, low, high: the value and its 95 % bootstrap interval; NaN where there is none.
        images: how many it was scored on.
        lacking: how many scores there are not, by status.
        degenerate: how many maps were constant.
        why: what it lacks, with all reasons; "" where it lacks nothing.
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
        """Half the interval's width."""
        return (self.high - self.low) / 2

    @property
    def missing(self) -> int:
        """How many scores it lacks, whatever the reason."""
        return sum(self.lacking.values())

    @property
    def unsupported(self) -> bool:
        """Whether the explainer does not apply."""
        return bool(self.lacking.get("unsupported"))

    @property
    def best(self) -> bool:
        """Whether no value is better, but for rounding."""
        return self.explainer in self.column.best

    @property
    def tied(self) -> bool:
        """Whether it is not the best, and cannot be told apart from it."""
        return not self.best and not self.column.leading.isdisjoint(letters_in(self.letters))

    @property
    def letters(self) -> str:
        """Its ties by this metric alone."""
        return self.column.letters.get(self.explainer, "")

    @property
    def rank(self) -> float:
        """1 + how many are better beyond noise by this metric alone; NaN without scores."""
        return self.column.ranks.get(self.explainer, nan)


def value_of(column: Column, row: Mapping[Hashable, Any]) -> Value:
    """From a row of `Results.intervals`."""
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
