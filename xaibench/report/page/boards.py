"""The leaderboards: what the terminal's have, with both ends of every interval."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from xaibench.report.page.drawing import Axis, Drawing, dot, line
from xaibench.results.results import Results
from xaibench.results.rows import SHARED_PASS
from xaibench.results.statistics.ranks import Ranks, separation

WIDTH, HEIGHT = 72.0, 26.0  # pixels of a whisker
NOT_ROUND = 1e-12
UNKNOWN = float("nan"), float("nan")

Costs = dict[tuple[str, str, str], tuple[float, float]]


@dataclass(frozen=True)
class Column:
    """A metric as a heading; `describes` where explainers do not stand by it."""

    name: str
    version: int
    higher: bool
    describes: bool


@dataclass(frozen=True)
class Value:
    """What an explainer reached by a metric.

    Args:
        mean, low, high: NaN where there is none.
        best: nobody's is better.
        tied: it cannot be told apart from the best.
        letters: its ties in this metric.
        rank: 1 + how many are better beyond noise; NaN without scores.
        why: what it lacks, with reasons; "" where it lacks nothing.
        word: instead of a number, where there is none.
        whisker: the interval, on the column's axis.
    """

    mean: float
    low: float
    high: float
    best: bool
    tied: bool
    letters: str
    rank: float
    why: str
    word: str
    whisker: Drawing | None


NOT_ASKED = Value(*UNKNOWN, UNKNOWN[0], False, False, "", UNKNOWN[0], "", "not asked", None)


@dataclass(frozen=True)
class Line:
    """An explainer's line.

    Args:
        letters: all of the table, "" where it has not that one.
        cells: how many metrics, models and data sets its mean rank is of.
        ms, forwards: its own part of an image.
        flat, lacking: how many constant maps it has at most by a metric, and scores that are lacking.
    """

    explainer: str
    control: bool
    noted: bool
    values: tuple[Value, ...]
    rank: float
    letters: tuple[str, ...]
    mean_rank: float
    low: float
    high: float
    cells: int
    ms: float
    forwards: float
    flat: int
    lacking: int


@dataclass(frozen=True)
class Board:
    """One model on one data set, or all together where both are ""."""

    model: str
    dataset: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    images: int
    said: str
    ranks: Ranks

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.model} on {self.dataset}" if self.model else "all models and data sets"

    @property
    def first(self) -> tuple[Line, ...]:
        """Who has rank 1: than whom nobody is better beyond noise."""
        return tuple(found for found in self.lines if found.rank == 1)

    @property
    def flat(self) -> bool:
        """Whether any map was constant."""
        return any(found.flat for found in self.lines)

    @property
    def lacking(self) -> bool:
        """Whether any score is lacking."""
        return any(found.lacking for found in self.lines)


def boards(results: Results) -> list[Board]:
    """Of each model and data set in order of appearance; after them all together, where several."""
    sure, ties, costs = results.intervals, results.ties(), cost_of(results)
    blocks = list(dict.fromkeys((cell.model, cell.dataset) for cell in results.cells))
    found = [board(results, block, sure, ties, costs) for block in blocks]
    return [*found, overall(results)] if len(found) > 1 else found


def cost_of(results: Results) -> Costs:
    """Milliseconds and forwards of an image by model, data set and explainer, its own part alone.

    The shared pass is among the explainers, by its name.
    """
    done = results.rows[results.rows["status"] == "ok"]
    grouped = done.groupby(["model", "dataset", "explainer"])
    means = grouped[["explain_ms", "explain_forwards"]].mean().reset_index()
    return {
        (str(model), str(dataset), str(explainer)): (float(ms), float(forwards))
        for model, dataset, explainer, ms, forwards in means.itertuples(index=False, name=None)
    }


def overall(results: Results) -> Board:
    """Mean ranks over everything."""
    ranks = results.standing()
    noted, controls = {name for names in results.notes.values() for name in names}, results.controls
    every = letters_of(ranks)
    lines = [
        line_of(row, every, (), row["explainer"] in controls, row["explainer"] in noted)
        for row in ranks.frame.to_dict("records")
    ]
    return Board("", "", (), tuple(lines), len(ranks.image_ranks), separation(ranks), ranks)


def board(
    results: Results,
    block: tuple[str, str],
    sure: pd.DataFrame,
    ties: pd.DataFrame,
    costs: Costs,
) -> Board:
    """One model on one data set, best first."""
    ranks = results.standing(*block)
    here = sure[(sure["model"] == block[0]) & (sure["dataset"] == block[1])]
    tied = ties[(ties["model"] == block[0]) & (ties["dataset"] == block[1])]
    noted, controls = {name for names in results.notes.values() for name in names}, results.controls
    columns, by_column = [], []
    for (metric, version), means in here.groupby(["metric", "metric_version"], sort=False):
        higher, counts = bool(means["higher_is_better"].iloc[0]), bool(means["ranks"].iloc[0])
        columns.append(Column(str(metric), int(str(version)), higher, not counts))
        same = tied[(tied["metric"] == metric) & (tied["metric_version"] == version)]
        by_column.append(values(means, same, higher))
    every = letters_of(ranks)
    lines = []
    for row in ranks.frame.to_dict("records"):
        name = str(row["explainer"])
        own = here[here["explainer"] == name]
        lacking = (own["undefined"] + own["unsupported"] + own["failed"]).max()
        ms, forwards = costs.get((*block, name), UNKNOWN)
        lines.append(
            line_of(
                row,
                every,
                tuple(found.get(name, NOT_ASKED) for found in by_column),
                name in controls,
                name in noted,
                ms=ms,
                forwards=forwards,
                flat=int(own["degenerate"].max()),
                lacking=int(lacking),
            )
        )
    images = int(here["images"].max())
    return Board(*block, tuple(columns), tuple(lines), images, separation(ranks), ranks)


def line_of(
    row: Mapping[Hashable, Any],
    every: list[str],
    values: tuple[Value, ...],
    control: bool,
    noted: bool,
    ms: float = float("nan"),
    forwards: float = float("nan"),
    flat: int = 0,
    lacking: int = 0,
) -> Line:
    """A line from a row of `Ranks.frame`."""
    own = split(str(row["tie"]))
    return Line(
        explainer=str(row["explainer"]),
        control=control,
        noted=noted,
        values=values,
        rank=float(row["rank"]),
        letters=tuple(letter if letter in own else "" for letter in every),
        mean_rank=float(row["mean_rank"]),
        low=float(row["low"]),
        high=float(row["high"]),
        cells=int(row["cells"]),
        ms=ms,
        forwards=forwards,
        flat=flat,
        lacking=lacking,
    )


def letters_of(ranks: Ranks) -> list[str]:
    """Every letter of a standing, in order."""
    return list(dict.fromkeys(letter for tie in ranks.frame["tie"] for letter in split(tie)))


def split(tie: str) -> list[str]:
    """The letters of a tie; past z they have a number behind them."""
    found: list[str] = []
    for sign in tie:
        if sign.isdigit() and found:
            found[-1] += sign
        else:
            found.append(sign)
    return found


def values(means: pd.DataFrame, ties: pd.DataFrame, higher: bool) -> dict[str, Value]:
    """One column by explainer."""
    stands = ties.set_index("explainer")[["tie", "rank"]].to_dict("index")
    known = means[means["mean"].notna()]
    top = (known["mean"].max() if higher else known["mean"].min()) if len(known) else float("nan")
    leaders = known.loc[(known["mean"] - top).abs() <= NOT_ROUND, "explainer"]
    leading = {letter for name in leaders for letter in split(str(stands[name]["tie"]))}
    ends = known.loc[np.isfinite(known["mean"]), ["low", "mean", "high"]]
    low, high = ends.min().min(), ends.max().max()
    axis = Axis(float(low), float(high), 4, WIDTH - 4)
    found = {}
    for row in means.to_dict("records"):
        name, mean = str(row["explainer"]), float(row["mean"])
        stand = stands.get(name, {"tie": "", "rank": float("nan")})
        there = mean == mean
        found[name] = Value(
            mean=mean,
            low=float(row["low"]),
            high=float(row["high"]),
            best=bool(there and abs(mean - top) <= NOT_ROUND),
            tied=there and bool(leading & set(split(str(stand["tie"])))),
            letters=str(stand["tie"]),
            rank=float(stand["rank"]),
            why=str(row["reasons"]),
            word="" if there else word_of(row),
            whisker=whisker(axis, row) if isfinite(mean) else None,
        )
    return found


def word_of(row: Mapping[Hashable, Any]) -> str:
    """Why there is no number, in a word."""
    return next((word for word in ("unsupported", "failed", "undefined") if row[word]), "none")


def whisker(axis: Axis, row: Mapping[Hashable, Any]) -> Drawing:
    """An interval on its column's axis, the mean a dot; a column's are all to one scale."""
    y = HEIGHT / 2
    marks = [line(0, y, WIDTH, y, "track")]
    if row["low"] == row["low"]:
        marks.append(line(axis.at(row["low"]), y, axis.at(row["high"]), y, "interval"))
    marks.append(dot(axis.at(row["mean"]), y, 2.6, "mean", ""))
    return Drawing(WIDTH, HEIGHT, "", tuple(marks))


def shared(costs: Costs, block: tuple[str, str]) -> tuple[float, float]:
    """Milliseconds and forwards of an image's shared pass; 0 where none is recorded."""
    return costs.get((*block, SHARED_PASS), (0.0, 0.0))
