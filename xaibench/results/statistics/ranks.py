"""Ranks over several metrics, models and data sets: their means, intervals and ties."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from xaibench.results.arrays import ByImage, Each, Numbers
from xaibench.results.intervals import RESAMPLES, ends, resampled
from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.statistics.significance import ALPHA
from xaibench.results.statistics.ties import Ties, comparable, ties


@dataclass(frozen=True)
class Ranks:
    """The ranks of the explainers over some metrics, models and data sets.

    Args:
        frame: a row an explainer, best first: mean_rank (over the cells that it has a value in), low,
            high (95 % bootstrap interval over images), cells (how many), rank (shared by those who
            cannot be told apart), tie (letters), image_rank (the mean of `within`; NaN for explainers
            that are not in the tests).
        ties: by Friedman's and Wilcoxon's tests on the images' ranks.
        image_ranks: of each image, the mean over metrics and models of the ranks within it, 1 best.
        explainers: their columns.
        left_out: images, of each metric and model, that some of these explainers had no score of.
        cells: how many metrics, models and data sets there are.
    """

    frame: pd.DataFrame
    ties: Ties
    image_ranks: ByImage
    explainers: tuple[str, ...]
    left_out: int
    cells: int

    @property
    def within(self) -> ByImage:
        """The ranks within each image, taken again after the mean over metrics and models."""
        return ranked(-self.image_ranks)

    @property
    def critical(self) -> float:
        """The critical difference of the mean of `within`."""
        return critical_difference(len(self.explainers), len(self.image_ranks))


def ranks(cells: Sequence[Paired]) -> Ranks:
    """Rank the explainers over any cells: those of one model and data set, of one model, or all.

    The mean rank is that of the leaderboard: explainers are ranked by their value in each cell, and
    the ranks averaged over cells. Who can be told apart is tested on ranks within images, where an
    image counts once, however many metrics and models it was used for.
    """
    names = sorted({name for cell in cells for name in cell.explainers})
    table = np.stack([value_ranks(cell, names) for cell in cells])
    average, counts = mean_known(table), (~np.isnan(table)).sum(0)
    low, high = mean_rank_interval(cells, names)
    in_cells = [rankable(cell) for cell in cells]
    compared = [name for name in names if all(name in in_cell for in_cell in in_cells)]
    within, left_out = image_ranks(cells, compared)
    known = within[~np.isnan(within).any(1)] if compared else within
    means = ranked(-known).mean(0) if len(known) else np.full(len(compared), np.nan)
    tied = ties(compared, known, -means, lambda one, other: known[:, other] - known[:, one])
    facts = dict(zip(compared, zip(tied.ranks, tied.letters, means, strict=True), strict=True))
    nothing = (float("nan"), "", float("nan"))
    frame = pd.DataFrame(
        {
            "explainer": names,
            "mean_rank": average,
            "low": low,
            "high": high,
            "cells": counts,
            "rank": [facts.get(name, nothing)[0] for name in names],
            "tie": [facts.get(name, nothing)[1] for name in names],
            "image_rank": [facts.get(name, nothing)[2] for name in names],
        }
    ).sort_values(["mean_rank", "explainer"], ignore_index=True)
    return Ranks(frame, tied, known, tuple(compared), left_out, len(cells))


def standing(cells: Sequence[Paired]) -> Ranks:
    """Rank the explainers over the cells whose metrics rank, or over all cells if none ranks."""
    return ranks([cell for cell in cells if cell.ranks] or cells)


def value_ranks(cell: Paired, names: Sequence[str]) -> Each:
    """Return the ranks of explainers' values in a cell, in the order of `names`; NaN if not in it."""
    return spread(ranked(cell.goodness), cell, names)


def mean_rank_interval(cells: Sequence[Paired], names: Sequence[str]) -> tuple[Each, Each]:
    """Return the ends of the mean ranks' interval, resampling the images within each data set.

    All metrics and models see the same samples of a data set's images.
    """
    cell_ranks, fewest = [], 0
    in_order = sorted(cells, key=lambda cell: cell.dataset)
    for seed, (_, group) in enumerate(groupby(in_order, key=lambda cell: cell.dataset)):
        of_data = list(group)
        images = sorted({image for cell in of_data for image in cell.images})
        fewest = min(fewest or len(images), len(images))
        for cell in of_data:
            totals = np.zeros((len(images), *cell.parts.shape[1:]))
            totals[pd.Index(images).get_indexer(pd.Index(cell.images))] = cell.per_image(cell.parts)
            values = resampled(totals, cell.aggregate.value, seed)
            goodness = values if cell.higher_is_better else -values
            cell_ranks.append(spread(ranked(goodness), cell, names))
    over_cells = (
        mean_known(np.stack(cell_ranks)) if cell_ranks else np.full((RESAMPLES, len(names)), np.nan)
    )
    low, high = ends(over_cells, fewest)
    return low, high


def spread(values: Numbers, cell: Paired, names: Sequence[str]) -> Numbers:
    """Return a cell's columns in the order of `names`; NaN for explainers that are not in the cell."""
    wide = np.full((*values.shape[:-1], len(names)), np.nan)
    wide[..., [names.index(name) for name in cell.explainers]] = values
    return wide


def ranked(goodness: Numbers) -> Numbers:
    """Return ranks along the last axis, 1 for the largest; equal values share a mean, NaN stays NaN."""
    ahead = (goodness[..., None, :] > goodness[..., :, None]).sum(-1)
    level = (goodness[..., None, :] == goodness[..., :, None]).sum(-1)  # itself among them
    return np.where(np.isnan(goodness), np.nan, ahead + (level + 1) / 2)


def mean_known(values: Numbers) -> Numbers:
    """Return means along the first axis over values that are not NaN; NaN if all are."""
    known = ~np.isnan(values)
    counts = known.sum(0)
    sums = np.where(known, values, 0.0).sum(0)
    means: Numbers = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def rankable(cell: Paired) -> set[str]:
    """Return the explainers with scores of at least half the trials that the fullest one has."""
    return {name for name, kept in zip(cell.explainers, comparable(cell.scores), strict=True) if kept}


def image_ranks(cells: Sequence[Paired], names: Sequence[str]) -> tuple[ByImage, int]:
    """Return each image's ranks, averaged over the metrics and models of its data set.

    Ranks are of the mean scores over the classes that all of `names` have scores of.

    Returns:
        (n, E), NaN for images that are not complete in any cell; and how many times an image was
        left out of a cell.
    """
    images = sorted({(cell.dataset, image) for cell in cells for image in cell.images})
    index = pd.Index([f"{dataset}\n{image}" for dataset, image in images])
    left_out, cell_ranks = 0, []
    for cell in cells:
        scores = cell.scores[:, [cell.place(name) for name in names]]
        complete = ~np.isnan(scores).any(1, keepdims=True)
        means = cell.mean_of(np.where(complete, scores, np.nan))
        left_out += int(np.isnan(means).any(1).sum())
        ranks_of_cell = np.full((len(images), len(names)), np.nan)
        here = index.get_indexer(pd.Index([f"{cell.dataset}\n{image}" for image in cell.images]))
        ranks_of_cell[here] = ranked(means if cell.higher_is_better else -means)
        cell_ranks.append(ranks_of_cell)
    return mean_known(np.stack(cell_ranks)), left_out


def critical_difference(explainers: int, blocks: int, alpha: float = ALPHA) -> float:
    """Return the smallest significant difference of mean ranks by Nemenyi's test (Demsar 2006, 3.2.2).

    Args:
        explainers: how many are ranked.
        blocks: how many rows they are ranked in.
        alpha: level for all pairs together.

    Returns:
        In ranks; NaN for fewer than two of either.
    """
    if explainers < 2 or blocks < 2:
        return float("nan")
    q = studentized_range.ppf(1 - alpha, explainers, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(explainers * (explainers + 1) / (6 * blocks)))
