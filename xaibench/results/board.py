"""Leaderboards as facts: tables, pages and pictures of them are written from these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import nan

import pandas as pd

from xaibench.results.rows import SHARED_PASS
from xaibench.results.statistics.ranks import Ranks, standing
from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.values import Column, Value, value_of
from xaibench.results.verdict.sentences import verdict_sentences
from xaibench.results.verdict.verdict import BlockVerdict


@dataclass(frozen=True, eq=False)
class BoardFacts:
    """The tables of a run that its leaderboards are made from.

    Args:
        intervals: a value and its interval per model, data set, explainer and metric; see `Results`.
        costs: milliseconds and forwards per image, indexed by model, data set and explainer.
        noted: names of the explainers that a note to the reader is about.
        controls: names of the null explainers.
        verdicts: by model and data set, ("", "") for all together; see `Results.verdicts`.
    """

    intervals: pd.DataFrame
    costs: pd.DataFrame
    noted: frozenset[str]
    controls: frozenset[str]
    verdicts: Mapping[tuple[str, str], BlockVerdict]


@dataclass(frozen=True, eq=False)
class Line:
    """One explainer's line of a leaderboard.

    Args:
        explainer: its name.
        control: whether it is a null explainer, which ignores the network.
        noted: whether a note to the reader is about it; see `Results.notes`.
        values: its value in each column, by the column's key.
        rank: 1 + the number of significantly better explainers, over all metrics; NaN if unranked.
        tie: letters; explainers that share a letter do not differ significantly.
        mean_rank, low, high: the mean over the metrics that rank, and its 95 % bootstrap interval.
        cells: number of metrics, models and data sets that the mean rank is taken over.
        ms, forwards: its own cost per image, without the shared pass that every explainer adds.
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

    @cached_property
    def missing(self) -> int:
        """The largest number of scores that it lacks in one column."""
        return max((value.missing for value in self.values.values()), default=0)

    @cached_property
    def degenerate(self) -> int:
        """The largest number of constant maps in one column."""
        return max((value.degenerate for value in self.values.values()), default=0)


@dataclass(frozen=True, eq=False)
class Board:
    """The leaderboard of one model on one data set, or of all together where both names are "".

    Each of its properties is computed on first use.

    Args:
        model, dataset: names as in the rows.
        cells: the scores of each metric.
        facts: the tables that values and costs are read from.
    """

    model: str
    dataset: str
    cells: tuple[Paired, ...] = field(repr=False)
    facts: BoardFacts = field(repr=False)

    @property
    def together(self) -> bool:
        """Whether it covers all models and data sets, and therefore has mean ranks only."""
        return not self.model

    @property
    def title(self) -> str:
        """Its heading: the model and the data set."""
        return "all models and data sets" if self.together else f"{self.model} on {self.dataset}"

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The metrics in the order of the run; none for all together."""
        return () if self.together else tuple(map(Column, self.cells))

    @cached_property
    def ranks(self) -> Ranks:
        """The ranks of the explainers over all metrics that rank."""
        return standing(self.cells)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """One line per explainer: best mean rank first, equal ones by name, unranked ones last."""
        ranked_rows = {str(row["explainer"]): row for row in self.ranks.frame.to_dict("records")}
        others = (name for cell in self.cells for name in cell.explainers if name not in ranked_rows)
        columns = ("rank", "tie", "mean_rank", "low", "high", "cells")
        values = self._values
        lines = []
        for name in dict.fromkeys([*ranked_rows, *others]):
            ms, forwards = self._cost(name, nan)
            own = {each.key: values.get((name, each.key), Value(each, name)) for each in self.columns}
            standing = {column: ranked_rows[name][column] for column in columns if name in ranked_rows}
            marks = name in self.facts.controls, name in self.facts.noted
            lines.append(Line(name, *marks, own, **standing, ms=ms, forwards=forwards))
        return tuple(lines)

    @cached_property
    def images(self) -> int:
        """The largest number of images behind a value; for all together the number of ranked images."""
        if self.together:
            return len(self.ranks.image_ranks)
        return max(value.images for value in self._values.values())

    @property
    def verdict(self) -> BlockVerdict:
        """Which explainers may be best, and which beat the controls."""
        return self.facts.verdicts[self.model, self.dataset]

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in sentences: who may be best, how many images would tell more, who is equal."""
        return verdict_sentences(self.verdict)

    @cached_property
    def missing(self) -> bool:
        """Whether any score is missing."""
        return any(line.missing for line in self.lines)

    @cached_property
    def degenerate(self) -> bool:
        """Whether any map was constant."""
        return any(line.degenerate for line in self.lines)

    @property
    def shared(self) -> tuple[float, float]:
        """Milliseconds and forwards of the shared pass per image; 0 where none is recorded."""
        return self._cost(SHARED_PASS, 0.0)

    def _cost(self, name: str, otherwise: float) -> tuple[float, float]:
        costs, where = self.facts.costs, (self.model, self.dataset, name)
        ms, forwards = (costs[column].get(where, otherwise) for column in costs)
        return float(ms), float(forwards)

    @cached_property
    def _values(self) -> dict[tuple[str, str], Value]:
        columns, intervals = {column.key: column for column in self.columns}, self.facts.intervals
        own = intervals[(intervals["model"] == self.model) & (intervals["dataset"] == self.dataset)]
        rows = ((f"{row['metric']}@{row['metric_version']}", row) for row in own.to_dict("records"))
        return {(str(row["explainer"]), key): value_of(columns[key], row) for key, row in rows}


def boards(cells: Sequence[Paired], facts: BoardFacts) -> list[Board]:
    """Return the leaderboard of each model and data set, and last of all together if there are several.

    Args:
        cells: the scores of each model, data set and metric version, in the order of the run.
        facts: the tables that values and costs are read from.
    """
    blocks: dict[tuple[str, str], list[Paired]] = {}
    for cell in cells:
        blocks.setdefault((cell.model, cell.dataset), []).append(cell)
    by_block = [Board(*block, tuple(of_block), facts) for block, of_block in blocks.items()]
    return [*by_block, Board("", "", tuple(cells), facts)] if len(by_block) > 1 else by_block
