"""The leaderboard of a model on a data set, as facts: what every table of it is written from."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from xaibench.results.statistics.paired import Paired
from xaibench.results.statistics.ranks import Ranks, separation
from xaibench.results.statistics.ties import ties_of

if TYPE_CHECKING:
    from xaibench.results.results import Results


@dataclass(frozen=True)
class Column:
    """A metric version."""

    name: str
    version: int
    higher_is_better: bool

    @property
    def key(self) -> str:
        """As in the tables of `Results`."""
        return f"{self.name}@{self.version}"

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"


@dataclass(frozen=True)
class Value:
    """What one explainer has by one metric.

    Args:
        mean, low, high: the value and its 95 % bootstrap interval; NaN where there is none.
        images: how many it was scored on.
        best: no value is better.
        tied: it is not the best, and cannot be told apart from it.
        unsupported: the explainer does not apply.
        missing: how many scores it lacks, whatever the reason.
        degenerate: how many maps were constant.
    """

    mean: float
    low: float
    high: float
    images: int = 0
    best: bool = False
    tied: bool = False
    unsupported: bool = False
    missing: int = 0
    degenerate: int = 0

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Line:
    """An explainer's line.

    Args:
        rank: 1 + how many are better beyond noise, over all metrics; NaN where it has none.
        tie: letters; who shares one cannot be told apart.
        mean_rank: over the metrics that rank.
        ms: its own time for an image.
        values: by the columns' keys.
    """

    explainer: str
    rank: float
    tie: str
    mean_rank: float
    ms: float
    values: Mapping[str, Value]

    @property
    def missing(self) -> int:
        """The most scores that it lacks of any metric."""
        return max((value.missing for value in self.values.values()), default=0)

    @property
    def degenerate(self) -> int:
        """How many of its maps were constant."""
        return max((value.degenerate for value in self.values.values()), default=0)


@dataclass(frozen=True)
class Board:
    """One model on one data set, best first.

    Args:
        images: the most that a value is of.
        ranks: how the explainers stand over all metrics.
    """

    model: str
    dataset: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    images: int
    ranks: Ranks

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.model} on {self.dataset}"

    @property
    def separation(self) -> str:
        """How many images would tell the first two explainers apart, where they are not yet."""
        return separation(self.ranks)


def boards(results: "Results") -> Iterator[Board]:
    """The leaderboard of each model and data set, in the order of the run."""
    table, sure = results.table(), results.intervals
    for model, dataset in dict.fromkeys(key[:2] for key in table.index):
        cells = [cell for cell in results.cells if (cell.model, cell.dataset) == (model, dataset)]
        ranks = results.standing(model, dataset)
        part = sure[(sure["model"] == model) & (sure["dataset"] == dataset)]
        yield board(cells, table.loc[(model, dataset)], part, ranks)


def board(cells: list[Paired], table: pd.DataFrame, sure: pd.DataFrame, ranks: Ranks) -> Board:
    """Of one model and data set.

    Args:
        cells: its metrics.
        table: its part of `Results.table`.
        sure: its part of `Results.intervals`.
        ranks: how its explainers stand.
    """
    columns = tuple(Column(cell.metric, cell.version, cell.higher_is_better) for cell in cells)
    values = {cell.column: values_of(cell, sure) for cell in cells}
    standing = ranks.frame.set_index("explainer")[["rank", "tie"]].to_dict("index")
    lines = tuple(
        Line(
            explainer=str(explainer),
            rank=float(standing[explainer]["rank"]),
            tie=str(standing[explainer]["tie"]),
            mean_rank=float(row["rank"]),
            ms=float(row["ms"]),
            values={key: found[str(explainer)] for key, found in values.items() if explainer in found},
        )
        for explainer, row in table.iterrows()
    )
    first = cells[0]
    return Board(first.model, first.dataset, columns, lines, int(sure["images"].max()), ranks)


def values_of(cell: Paired, sure: pd.DataFrame) -> dict[str, Value]:
    """By explainer."""
    at = (sure["metric"] == cell.metric) & (sure["metric_version"] == cell.version)
    facts = {str(row["explainer"]): row for row in sure[at].to_dict("records")}
    tied = ties_of(cell)
    letters = dict(zip(cell.explainers, tied.letters, strict=True))
    value = dict(zip(cell.explainers, cell.values, strict=True))
    top = value.get(cell.best, math.nan)
    return {
        name: Value(
            mean=float(row["mean"]),
            low=float(row["low"]),
            high=float(row["high"]),
            images=int(row["images"]),
            best=bool(value[name] == top),
            tied=bool(value[name] != top and cell.best and set(letters[name]) & set(letters[cell.best])),
            unsupported=bool(row["unsupported"]),
            missing=int(row["undefined"] + row["unsupported"] + row["failed"]),
            degenerate=int(row["degenerate"]),
        )
        for name, row in facts.items()
    }
