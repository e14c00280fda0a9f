"""Leaderboards as facts: what every table, page and picture of them is written from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

from xaibench.results.rows import SHARED_PASS
from xaibench.results.statistics.ranks import Ranks, separation, standing
from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.values import Column, Value, value_of

if TYPE_CHECKING:
    from xaibench.results.results import Results


@dataclass(frozen=True, eq=False)
class Line:
    """An explainer's line.

    Args:
        explainer: who.
        control: it never looks at the network.
        noted: something must be said of it; see `Results.notes`.
        values: by the columns' keys, of every column.
        rank: 1 + how many are better beyond noise, over all metrics; NaN where it has none.
        tie: letters; who shares one cannot be told apart.
        mean_rank, low, high: over the metrics that rank, and its 95 % bootstrap interval.
        cells: how many metrics, models and data sets the mean rank is of.
        ms, forwards: its own part of an image, to which all add the shared pass.
    """

    explainer: str
    control: bool
    noted: bool
    values: Mapping[str, Value] = field(repr=False)
    rank: float = nan
    tie: str = ""
    mean_rank: float = nan
    low: float = nan
    high: float = nan
    cells: int = 0
    ms: float = nan
    forwards: float = nan

    @property
    def missing(self) -> int:
        """The most scores that it lacks of any metric."""
        return max((value.missing for value in self.values.values()), default=0)

    @property
    def degenerate(self) -> int:
        """The most maps, by any metric, that were constant."""
        return max((value.degenerate for value in self.values.values()), default=0)


@dataclass(frozen=True, eq=False)
class Board:
    """One model on one data set, or all together where both names are ""; each fact made when asked for.

    Args:
        cells: the metrics that it is of.
        results: where everything else is read.
    """

    model: str
    dataset: str
    cells: tuple[Paired, ...] = field(repr=False)
    results: "Results" = field(repr=False)

    @property
    def together(self) -> bool:
        """Whether it is of everything, and has mean ranks alone."""
        return not self.model

    @property
    def title(self) -> str:
        """What it is of."""
        return "all models and data sets" if self.together else f"{self.model} on {self.dataset}"

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The metrics in the order of the run; none for all together."""
        return () if self.together else tuple(map(Column, self.cells))

    @cached_property
    def ranks(self) -> Ranks:
        """How the explainers stand over all metrics that rank."""
        return standing(self.cells)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """By mean rank, best first; of equal ones in alphabetical order, those without any last."""
        ranked_rows = {str(row["explainer"]): row for row in self.ranks.frame.to_dict("records")}
        others = (name for cell in self.cells for name in cell.explainers if name not in ranked_rows)
        facts = ("rank", "tie", "mean_rank", "low", "high", "cells")
        noted = {name for names in self.results.notes.values() for name in names}
        controls, values = self.results.controls, self._values
        lines = []
        for name in dict.fromkeys([*ranked_rows, *others]):
            ms, forwards = self._cost(name, nan)
            own = {each.key: values.get((name, each.key), Value(each, name)) for each in self.columns}
            stands = {fact: ranked_rows[name][fact] for fact in facts if name in ranked_rows}
            told = name in controls, name in noted
            lines.append(Line(name, *told, own, **stands, ms=ms, forwards=forwards))
        return tuple(lines)

    @cached_property
    def images(self) -> int:
        """The most that a value is of; for all together those that the ranks are compared on."""
        if self.together:
            return len(self.ranks.image_ranks)
        return max(value.images for value in self._values.values())

    @property
    def separation(self) -> str:
        """How many images would tell the first two explainers apart, where they are not yet."""
        return separation(self.ranks)

    @property
    def first(self) -> tuple[Line, ...]:
        """Who has rank 1: than whom nobody is better beyond noise."""
        return tuple(line for line in self.lines if line.rank == 1)

    @property
    def standing(self) -> str:
        """What is said of who has rank 1, after their names; nothing of an explainer without others."""
        if len(self.lines) == 1:
            return ""
        if len(self.first) > 1:
            return "share rank 1: nobody is better beyond noise"
        ranked = sum(line.rank == line.rank for line in self.lines)
        return "alone has rank 1" if ranked > 1 else "alone has scores enough to be ranked"

    @property
    def missing(self) -> bool:
        """Whether any score is lacking."""
        return any(line.missing for line in self.lines)

    @property
    def degenerate(self) -> bool:
        """Whether any map was constant."""
        return any(line.degenerate for line in self.lines)

    @property
    def shared(self) -> tuple[float, float]:
        """Milliseconds and forwards of an image's shared pass; 0 where none is recorded."""
        return self._cost(SHARED_PASS, 0.0)

    def _cost(self, name: str, otherwise: float) -> tuple[float, float]:
        costs, where = self.results.costs, (self.model, self.dataset, name)
        ms, forwards = (costs[column].get(where, otherwise) for column in costs)
        return float(ms), float(forwards)

    @cached_property
    def _values(self) -> dict[tuple[str, str], Value]:
        columns, sure = {column.key: column for column in self.columns}, self.results.intervals
        here = sure[(sure["model"] == self.model) & (sure["dataset"] == self.dataset)]
        rows = ((f"{row['metric']}@{row['metric_version']}", row) for row in here.to_dict("records"))
        return {(str(row["explainer"]), key): value_of(columns[key], row) for key, row in rows}


def boards(results: "Results") -> list[Board]:
    """Of each model and data set in the order of the run; last all together, where there are several."""
    blocks: dict[tuple[str, str], list[Paired]] = {}
    for cell in results.cells:
        blocks.setdefault((cell.model, cell.dataset), []).append(cell)
    by_block = [Board(*block, tuple(cells), results) for block, cells in blocks.items()]
    return [*by_block, Board("", "", tuple(results.cells), results)] if len(by_block) > 1 else by_block
