"""A results folder as pandas frames."""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xaibench.api.errors import DataError
from xaibench.results.board import Board, boards
from xaibench.results.manifest import read_manifest
from xaibench.results.rows import SHARED_PASS, read_rows
from xaibench.results.statistics.agreement import agreement
from xaibench.results.statistics.differences import differences, win_rates
from xaibench.results.statistics.ranks import Ranks, standing
from xaibench.results.statistics.score_matrix import (
    Paired,
    cells,
    statistics_columns,
    value_intervals,
    why_lacking,
)
from xaibench.results.statistics.ties import ties_frame
from xaibench.results.styled import as_html, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

GROUP = ["model", "dataset", "explainer", "metric", "metric_version"]


@dataclass(frozen=True)
class Results:
    """What a run left.

    Args:
        path: the folder.
        rows: the tidy table, one row an image, class, model, explainer and metric; see `Row`.
        manifest: command, settings, versions, hashes, timings; empty while the run is unfinished.
    """

    path: Path
    rows: pd.DataFrame
    manifest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> "Results":
        """Read a results folder, also that of a run that is not finished.

        Raises:
            DataError: there is no such folder, it holds no rows, or a file in it is unreadable.
        """
        path = Path(path)
        files = list((path / "scores").glob("*.parquet"))
        if not files:
            raise DataError(f"no results in {path}; expected {path / 'scores'}/*.parquet")
        return cls(path, read_rows(files), read_manifest(path / "manifest.json"))

    @property
    def scores(self) -> pd.DataFrame:
        """The rows that belong to a metric: all but those of the shared pass."""
        return self.rows[self.rows["explainer"] != SHARED_PASS]

    @cached_property
    def notes(self) -> dict[str, list[str]]:
        """What a reader must be told, and of which explainers: reconstructions, for example."""
        noted = self.scores[self.scores["explainer_note"] != ""]
        explainers = noted.groupby("explainer_note", sort=False)["explainer"].unique()
        return {str(note): [str(name) for name in names] for note, names in explainers.items()}

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Mean with its 95 % bootstrap interval over images, tidy.

        One row a model, data set, explainer and metric version: mean (or what the metric's scores
        are aggregated to instead), low, high, images, and how many maps were degenerate and how
        many scores undefined, unsupported or failed, with the first reason, and all of them counted.
        """
        values = {key: value for cell in self.cells for key, value in _values(cell)}
        records = [
            {**dict(zip(GROUP, key, strict=True)), **_summary(group, *values[key])}
            for key, group in statistics_columns(self.scores).groupby(GROUP, sort=False)
        ]
        return pd.DataFrame(records)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """`explain_ms` and `explain_forwards` of an image, by model, data set and explainer.

        Each explainer's own part, over what it has scores of; the shared pass is among them by its name.
        """
        done = self.rows[self.rows["status"] == "ok"]
        return done.groupby(["model", "dataset", "explainer"])[["explain_ms", "explain_forwards"]].mean()

    def table(self) -> pd.DataFrame:
        """The leaderboard: the mean of each metric by model, data set and explainer.

        Within a model and data set the explainers stand by their mean rank over the metrics that rank,
        or over all where none does, best first and equal ones in alphabetical order. `ms` is an
        explainer's own time for an image, to which all add the shared pass.
        """
        means = self.intervals.assign(
            column=lambda frame: frame["metric"] + "@" + frame["metric_version"].astype(str)
        )
        where = ["model", "dataset", "explainer"]
        cells = means.set_index([*where, "column"])["mean"]
        # Sorted, and put back: below pandas 3, unstack(sort=False) gives some cells another one's value.
        board = cells.unstack("column").reindex(
            index=means.set_index(where).index.unique(), columns=means["column"].unique()
        )
        board.columns.name = None
        facts = means.drop_duplicates("column").set_index("column")
        higher = facts["higher_is_better"]
        standing = [column for column in board.columns if facts.loc[column, "ranks"]] or board.columns
        ranks = pd.DataFrame(
            {
                column: board[column]
                .groupby(level=["model", "dataset"])
                .rank(ascending=not higher[column])
                for column in standing
            }
        )
        board = board.assign(rank=ranks.mean(axis=1), ms=self.costs["explain_ms"])
        blocks = [key[:2] for key in board.index]
        place = {block: i for i, block in enumerate(dict.fromkeys(blocks))}
        in_order = board.assign(place=[place[block] for block in blocks])
        return in_order.sort_values(["place", "rank", "explainer"]).drop(columns="place")

    def boards(self, together: bool = False) -> list[Board]:
        """The leaderboard of each model and data set, with intervals, ties and what is missing.

        Args:
            together: put last the mean ranks over all of them, where there are several.
        """
        return [board for board in self._boards if together or not board.together]

    @cached_property
    def _boards(self) -> list[Board]:
        return boards(self)

    @cached_property
    def cells(self) -> list[Paired]:
        """Every model, data set and metric version: scores as a matrix of trials by explainers."""
        return list(cells(statistics_columns(self.scores)))

    @property
    def controls(self) -> list[str]:
        """The null explainers of the run, where its manifest names them."""
        return list(self.manifest.get("controls", []))

    def differences(self) -> pd.DataFrame:
        """Every explainer against the control and against the best; see `differences.against`.

        The control is `random`, or where that is missing the run's first null explainer.
        """
        return _joined([differences(cell, self.controls) for cell in self.cells])

    def ties(self) -> pd.DataFrame:
        """The rank of each explainer by each metric, shared by those that cannot be told apart."""
        return _joined([ties_frame(cell) for cell in self.cells])

    def win_rates(self) -> pd.DataFrame:
        """How often one explainer is better than another, image by image, by each metric."""
        return _joined([win_rates(cell) for cell in self.cells])

    def agreement(self, along: str = "metric") -> pd.DataFrame:
        """Kendall's tau between the orders that metrics, models or data sets put explainers in.

        Args:
            along: "metric", "model" or "dataset".
        """
        return agreement(self.cells, along)

    def standing(self, model: str = "", dataset: str = "") -> Ranks:
        """How explainers stand over all metrics: on one model and data set, or over all where not named.

        Raises:
            DataError: there are no scores of them.
        """
        chosen = [
            cell for cell in self.cells if model in ("", cell.model) and dataset in ("", cell.dataset)
        ]
        if not chosen:
            raise DataError(f"no results of {model or 'any model'} on {dataset or 'any data'}")
        return standing(chosen)

    def ranks(self) -> pd.DataFrame:
        """Mean ranks over metrics with their intervals, and who shares a rank: see `ranks.Ranks`.

        By model and data set, and after these over all, with "" for both names, where there are several.
        """
        frames = []
        for board in self.boards(together=True):
            frame = board.ranks.frame.copy()
            frame.insert(0, "model", board.model)
            frame.insert(1, "dataset", board.dataset)
            frames.append(frame)
        return _joined(frames)

    def problems(self) -> pd.DataFrame:
        """Cells with a status other than "ok": how many rows, and their reason."""
        wrong = self.scores[self.scores["status"] != "ok"]
        where = ["status", "model", "dataset", "explainer", "reason"]
        counted = wrong.groupby(where, sort=False).size()
        return counted.rename("rows").reset_index()

    def told_problems(self) -> list[str]:
        """The same in words, a line for all explainers of one status and reason."""
        same = ["status", "model", "dataset", "reason"]
        return [
            f"{status} {model} on {dataset}, {', '.join(cells['explainer'])}: {reason} "
            f"({cells['rows'].sum()} rows)"
            for (status, model, dataset, reason), cells in self.problems().groupby(same, sort=False)
        ]

    def styled(self) -> "Styler":
        """The leaderboards with intervals as one styled table: best bold, ties with it underlined."""
        return styled(self.boards())

    def _repr_html_(self) -> str:
        return as_html(self)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _values(cell: Paired) -> Iterator[tuple[tuple[Hashable, ...], tuple[float, float, float]]]:
    values = zip(cell.explainers, cell.values, *value_intervals(cell), strict=True)
    for explainer, value, low, high in values:
        key = (cell.model, cell.dataset, explainer, cell.metric, cell.version)
        yield key, (float(value), float(low), float(high))


def _summary(group: pd.DataFrame, value: float, low: float, high: float) -> dict[str, Any]:
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
