"""A results folder as pandas frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

import pandas as pd

from xaibench.api.errors import DataError
from xaibench.results.board import Board, BoardFacts, boards
from xaibench.results.manifest import read_manifest
from xaibench.results.rows import SHARED_PASS, read_rows, score_files
from xaibench.results.statistics.agreement import agreement
from xaibench.results.statistics.differences import differences, win_rates
from xaibench.results.statistics.ranks import Ranks, standing
from xaibench.results.statistics.score_matrix import (
    Paired,
    cells,
    statistics_columns,
)
from xaibench.results.statistics.ties import ties_frame
from xaibench.results.styled import PICTURE, as_html, styled
from xaibench.results.summary_rows import interval_values, summary
from xaibench.results.verdict.frame import MetricFacts, block_verdicts, verdict_frame
from xaibench.results.verdict.verdict import BlockVerdict

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

GROUP = ["model", "dataset", "explainer", "metric", "metric_version"]
OF_ROWS = ("scores", "notes", "intervals", "costs", "cells", "_read_by_statistics")  # no manifest needed


@dataclass(frozen=True)
class Results:
    """The results of a run. Each table is computed on first use and kept.

    Args:
        path: the results folder.
        rows: the tidy table, one row per image, class, model, explainer and metric; see `Row`.
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
        return cls(path, read_rows(score_files(path)), read_manifest(path / "manifest.json"))

    def with_manifest(self, manifest: Mapping[str, Any]) -> "Results":
        """Return the same rows with another manifest.

        No file is read, and the tables that were computed from the rows alone are kept.
        """
        results = replace(self, manifest=dict(manifest))
        vars(results).update({name: vars(self)[name] for name in OF_ROWS if name in vars(self)})
        return results

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The rows that belong to a metric: all but those of the shared pass."""
        return self.rows[self.rows["explainer"] != SHARED_PASS]

    @cached_property
    def notes(self) -> dict[str, list[str]]:
        """Notes to the reader, such as "a reconstruction", each with the explainers that it is about."""
        noted = self.scores[self.scores["explainer_note"] != ""]
        explainers = noted.groupby("explainer_note", sort=False)["explainer"].unique()
        return {str(note): [str(name) for name in names] for note, names in explainers.items()}

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Means with their 95 % bootstrap intervals over images, as a tidy table.

        It has one row per model, data set, explainer and metric version: mean (or the metric's own
        aggregate), low, high, images; the numbers of degenerate maps and of undefined, unsupported and
        failed scores; the first reason, and all reasons with their numbers.
        """
        values = {key: value for cell in self.cells for key, value in interval_values(cell)}
        records = [
            {**dict(zip(GROUP, key, strict=True)), **summary(group, *values[key])}
            for key, group in self._read_by_statistics.groupby(GROUP, sort=False)
        ]
        return pd.DataFrame(records)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Mean `explain_ms` and `explain_forwards` per image, by model, data set and explainer.

        The cost of an explainer is its own part; the shared pass has a line of its own.
        """
        done = self.rows[self.rows["status"] == "ok"]
        return done.groupby(["model", "dataset", "explainer"])[["explain_ms", "explain_forwards"]].mean()

    def table(self) -> pd.DataFrame:
        """Return the leaderboard: the mean of each metric by model, data set and explainer.

        Within a model and data set the explainers are sorted by their mean rank over the metrics that
        rank (over all metrics if none does), best first, equal ones in alphabetical order. `ms` is an
        explainer's own time per image, without the shared pass.
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
        """Return the leaderboard of each model and data set, with intervals, ties and missing scores.

        Args:
            together: append the mean ranks over all of them if there are several.
        """
        return [board for board in self._boards if together or not board.together]

    @cached_property
    def _boards(self) -> list[Board]:
        noted = frozenset(name for names in self.notes.values() for name in names)
        return boards(
            self.cells,
            BoardFacts(self.intervals, self.costs, noted, frozenset(self.controls), self.verdicts),
        )

    @cached_property
    def cells(self) -> list[Paired]:
        """Every model, data set and metric version: scores as a matrix of trials by explainers."""
        return list(cells(self._read_by_statistics))

    @cached_property
    def _read_by_statistics(self) -> pd.DataFrame:
        return statistics_columns(self.scores)

    @property
    def controls(self) -> list[str]:
        """The null explainers of the run, where its manifest names them."""
        return list(self.manifest.get("controls", []))

    def differences(self) -> pd.DataFrame:
        """Return each explainer's difference from the control and the best; see `differences.against`.

        The control is `random`, or the run's first null explainer if there is no `random`.
        """
        return _joined([differences(cell, self.controls) for cell in self.cells])

    def ties(self) -> pd.DataFrame:
        """Return each explainer's rank by each metric; explainers that do not differ share a rank."""
        return _joined([ties_frame(cell) for cell in self.cells])

    def win_rates(self) -> pd.DataFrame:
        """Return the share of images on which one explainer beats another, by each metric."""
        return _joined([win_rates(cell) for cell in self.cells])

    def agreement(self, along: str = "metric") -> pd.DataFrame:
        """Return Kendall's tau between the orders that metrics, models or data sets put explainers in.

        Args:
            along: "metric", "model" or "dataset".
        """
        return agreement(self.cells, along)

    def standing(self, model: str = "", dataset: str = "") -> Ranks:
        """Rank the explainers over all metrics.

        Args:
            model: the model whose scores count; all models where it is "".
            dataset: the data set whose scores count; all data sets where it is "".

        Raises:
            DataError: no scores belong to this model and data set.
        """
        chosen = [
            cell for cell in self.cells if model in ("", cell.model) and dataset in ("", cell.dataset)
        ]
        if not chosen:
            raise DataError(f"no results of {model or 'any model'} on {dataset or 'any data'}")
        return standing(chosen)

    def ranks(self) -> pd.DataFrame:
        """Return mean ranks over metrics with their intervals and ties; see `ranks.Ranks`.

        The table lists each model and data set, then all together, where both names are "".
        """
        frames = []
        for board in self.boards(together=True):
            frame = board.ranks.frame.copy()
            frame.insert(0, "model", board.model)
            frame.insert(1, "dataset", board.dataset)
            frames.append(frame)
        return _joined(frames)

    def problems(self) -> pd.DataFrame:
        """Return the cells with a status other than "ok", their reasons and numbers of rows."""
        wrong = self.scores[self.scores["status"] != "ok"]
        where = ["status", "model", "dataset", "explainer", "reason"]
        counted = wrong.groupby(where, sort=False).size()
        return counted.rename("rows").reset_index()

    def told_problems(self) -> list[str]:
        """Return `problem_sentences()`, by its former name."""
        warn("Results.told_problems is Results.problem_sentences now", DeprecationWarning, stacklevel=2)
        return self.problem_sentences()

    @cached_property
    def verdicts(self) -> dict[tuple[str, str], BlockVerdict]:
        """The verdict on each model and data set, and under ("", "") on all, where there are several."""
        return block_verdicts(self.cells, self.controls, MetricFacts.of_manifest(self.manifest))

    def verdict(self) -> pd.DataFrame:
        """Return which explainers may be best, which beat the controls, and how sure that is.

        One row an explainer of each model and data set, then of all of them with "" for both names; the
        columns are those of `xaibench.results.verdict.frame.verdict_frame`.
        """
        return verdict_frame(self.verdicts)

    def problem_sentences(self) -> list[str]:
        """Return `problems` in words: one line for all explainers that share a status and a reason."""
        same = ["status", "model", "dataset", "reason"]
        return [
            f"{status} {model} on {dataset}, {', '.join(cells['explainer'])}: {reason} "
            f"({cells['rows'].sum()} rows)"
            for (status, model, dataset, reason), cells in self.problems().groupby(same, sort=False)
        ]

    def styled(self) -> "Styler":
        """Return the leaderboards as one styled table: best bold, ties with it underlined."""
        return styled(self.boards())

    def html(self) -> str:
        """Return the leaderboards, notes, problems and the gallery as HTML, as a notebook shows them."""
        gallery = self.path / PICTURE
        return as_html(self.boards(), self.notes, self.problem_sentences(), bool(self.manifest), gallery)

    def _repr_html_(self) -> str:
        return self.html()


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
