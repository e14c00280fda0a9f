"""The scores of one metric as a matrix: a row per image and class, a column per explainer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from xaibench.results.aggregates import MEAN, Aggregate, aggregate_of
from xaibench.results.arrays import ByImage, Defined, Each, Numbers, Parts, Places, Scores, Vector
from xaibench.results.intervals import ends, resampled

CELL = ["model", "dataset", "metric", "metric_version"]
STATISTICS_COLUMNS = (
    *CELL,
    *("explainer", "image", "target", "status", "reason"),
    *("score", "curve", "ranks", "aggregate", "degenerate", "higher_is_better"),
)


@dataclass(frozen=True)
class Paired:
    """The scores of all explainers on the same trials, by one metric on one model and data set.

    Args:
        model, dataset, metric, version, higher_is_better: of the metric on these data.
        images: every image, in alphabetical order.
        places: which of them each trial is of, ascending.
        explainers: in alphabetical order.
        scores: NaN where a score is undefined, unsupported or failed.
        parts: what each score adds to a data set's value, 0 where there is none.
        aggregate: how values come from sums of parts.
        reasons: why an explainer lacks scores, and of how many trials; "" where it lacks none.
    """

    model: str
    dataset: str
    metric: str
    version: int
    higher_is_better: bool
    ranks: bool
    images: tuple[str, ...]
    places: Places
    explainers: tuple[str, ...]
    scores: Scores
    parts: Parts
    aggregate: Aggregate
    reasons: tuple[str, ...]

    @property
    def facts(self) -> dict[str, str | int]:
        """The names that identify this cell in a run, by column."""
        values = (self.model, self.dataset, self.metric, self.version)
        return dict(zip(CELL, values, strict=True))

    @property
    def column(self) -> str:
        """The metric and its version, as the heading of a column."""
        return f"{self.metric}@{self.version}"

    @property
    def defined(self) -> Defined:
        """Which scores exist."""
        defined: Defined = ~np.isnan(self.scores)
        return defined

    @cached_property
    def values(self) -> Each:
        """The value of each explainer on all trials that it has scored; NaN if there are none."""
        return self.aggregate.value(self.parts.sum(0))

    @cached_property
    def goodness(self) -> Each:
        """The values, turned so that more is better."""
        return self.values if self.higher_is_better else -self.values

    @cached_property
    def by_image(self) -> ByImage:
        """The mean score of each image over its classes, the input of tests over images.

        An image that lacks the score of a class lacks it for this explainer alone; those who compare
        two take the classes that both have, by `common`.
        """
        return self.mean_of(self.scores)

    def common(self, one: int, other: int) -> tuple[Vector, Vector]:
        """Return the mean scores of two explainers image by image, over the classes that both have.

        Returns:
            Two (n,) arrays, NaN for images of which nothing is common.
        """
        two = self.scores[:, [one, other]]
        both = self.mean_of(np.where(np.isnan(two).any(1, keepdims=True), np.nan, two))
        return both[:, 0], both[:, 1]

    def mean_of(self, scores: Numbers) -> Numbers:
        """Return means over each image's trials that are not NaN; NaN if all are."""
        known = ~np.isnan(scores)
        sums = self.per_image(np.where(known, scores, 0.0))
        counts = self.per_image(known.astype(float))
        means: Numbers = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        return means

    def per_image(self, trials: Numbers) -> Numbers:
        """Return sums over the trials of each image."""
        totals = np.zeros((len(self.images), *trials.shape[1:]))
        np.add.at(totals, self.places, trials)
        return totals

    def why(self, *columns: int) -> str:
        """Return the reasons why some explainers lack scores."""
        odd = (f"{self.explainers[i]}: {self.reasons[i]}" for i in columns if self.reasons[i])
        return "; ".join(odd)

    def place(self, explainer: str) -> int:
        """Return the column of an explainer."""
        return self.explainers.index(explainer)

    @cached_property
    def best(self) -> str:
        """The explainer with the best value, the first of equal ones; "" if none has a value."""
        if np.isnan(self.goodness).all():
            return ""
        return self.explainers[int(np.nanargmax(self.goodness))]


def value_intervals(cell: Paired) -> tuple[Each, Each]:
    """Return the ends of each value's 95 % bootstrap interval, on its explainer's scored images.

    Explainers with scores of the same trials are resampled together: with many images, drawing them
    is most of the work.
    """
    low, high = np.full((2, len(cell.explainers)), np.nan)
    alike: dict[bytes, list[int]] = {}
    for column, defined in enumerate(cell.defined.T):
        alike.setdefault(defined.tobytes(), []).append(column)
    for columns in alike.values():
        images = np.unique(cell.places[cell.defined[:, columns[0]]])
        totals = cell.per_image(cell.parts[:, columns])[images]
        low[columns], high[columns] = ends(resampled(totals, cell.aggregate.value), len(images))
    return low, high


def statistics_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that statistics and aggregates read; rows have many more."""
    return rows[[column for column in rows.columns if column in STATISTICS_COLUMNS]]


def cells(rows: pd.DataFrame) -> Iterator[Paired]:
    """Yield the matrix of every model, data set and metric version of a tidy table, in row order."""
    for _, group in rows.groupby(CELL, sort=False):
        yield matrix(group)


def paired(rows: pd.DataFrame, model: str, dataset: str, metric: str, version: int) -> Paired:
    """Return one matrix; raises KeyError if there is no such row."""
    wanted = [model, dataset, metric, version]
    chosen = rows[(rows[CELL] == wanted).all(axis=1)]
    if chosen.empty:
        raise KeyError(f"no rows of {metric}@{version} by {model} on {dataset}")
    return matrix(chosen)


def matrix(rows: pd.DataFrame) -> Paired:
    """Return rows of one model, data set and metric version as a matrix, in any order of the rows."""
    first = rows.iloc[0]
    explainers = sorted(rows["explainer"].unique())
    of_images = rows[rows["image"] != ""]  # a cell that could not be begun names no image
    trials = of_images[["image", "target"]].drop_duplicates().sort_values(["image", "target"])
    index = pd.MultiIndex.from_frame(trials)
    images = tuple(trials["image"].unique())
    scored = of_images[(of_images["status"] == "ok") & of_images["score"].notna()]
    aggregate = aggregate_of(rows) if len(scored) else MEAN
    at = (
        index.get_indexer(pd.MultiIndex.from_frame(scored[["image", "target"]])),
        pd.Index(explainers).get_indexer(pd.Index(scored["explainer"])),
    )
    each = aggregate.parts(scored)
    scores = np.full((len(index), len(explainers)), np.nan)
    scores[at] = scored["score"].to_numpy(dtype=float)
    parts = np.zeros((*scores.shape, each.shape[1]))
    parts[at] = each
    return Paired(
        model=str(first["model"]),
        dataset=str(first["dataset"]),
        metric=str(first["metric"]),
        version=int(first["metric_version"]),
        higher_is_better=bool(first["higher_is_better"]),
        ranks=bool(first["ranks"]),
        images=images,
        places=pd.Index(images).get_indexer(pd.Index(trials["image"])),
        explainers=tuple(explainers),
        scores=scores,
        parts=parts,
        aggregate=aggregate,
        reasons=reasons_of(rows, explainers),
    )


def reasons_of(rows: pd.DataFrame, explainers: Sequence[str]) -> tuple[str, ...]:
    """Return the reasons why each explainer lacks scores; "" if it lacks none."""
    odd = rows[rows["status"] != "ok"]
    reasons = {str(name): why_lacking(group) for name, group in odd.groupby("explainer")}
    return tuple(reasons.get(name, "") for name in explainers)


def why_lacking(rows: pd.DataFrame) -> str:
    """Return the statuses other than "ok" with reasons and numbers of rows; "" for none."""
    odd = rows[rows["status"] != "ok"]
    counted = Counter(zip(odd["status"], odd["reason"], strict=True))
    return "; ".join(f"{status}: {why} ({count})" for (status, why), count in sorted(counted.items()))
