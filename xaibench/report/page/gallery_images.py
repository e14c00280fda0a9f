"""The images of the gallery: maps, boxes, peaks, scores, and how much the explainers disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from xaibench.report.page.small_maps import averaging, largest_grid, peak, small_maps, text, thumbnail
from xaibench.results.kept import Array, KeptMap, KeptMaps
from xaibench.results.results import Results

COMPARED = 14  # cells along a side on which maps are compared

Plain = dict[str, Any]
Scores = dict[tuple[str, str], tuple[float | str, bool]]


@dataclass(frozen=True)
class Gallery:
    """All images whose maps were kept, as plain data for the page, with their numbers.

    Args:
        images: see `image`.
        explainers, metrics, classes, blocks: what `images` names by place.
        maps: how many.
        grid: the most cells along a side.
        left_out: kept maps whose image is in no row: another run left them.
        unmatched: images of which it is not known which class's rows belong to their maps.
    """

    images: tuple[Plain, ...]
    explainers: tuple[str, ...]
    metrics: tuple[Plain, ...]
    classes: tuple[str, ...]
    blocks: tuple[tuple[str, str], ...]
    maps: int
    grid: int
    left_out: int
    unmatched: int


@dataclass(frozen=True)
class MapScore:
    """The score of one map by one metric, or the status of a missing score.

    Args:
        explainer: by name.
        metric: with its version.
        target: the class asked about.
        predicted: whether it is the predicted one.
        value: the score or status.
    """

    explainer: str
    metric: str
    target: int
    predicted: bool
    value: float | str


class Places(dict[Any, int]):
    """A table that numbers names in the order of their first appearance."""

    def __missing__(self, name: Any) -> int:
        return self.setdefault(name, len(self))


def gallery(results: Results, kept_maps: KeptMaps | None = None) -> Gallery:
    """Return all images whose maps the run has kept. One file is open at a time, since files are large.

    Args:
        results: of a run.
        kept_maps: its kept maps; those in its folder if not given.

    Raises:
        DataError: a file of maps cannot be read.
    """
    kept_maps = kept_maps or KeptMaps(results.path)
    explainers, classes, blocks = Places(), Places(), Places()
    metrics = metrics_of(results)
    for name in results.intervals["explainer"].unique():
        _ = explainers[name]
    rows = by_image(results)
    grids = native_grids(results)
    # as many as if each file had a map of every explainer; a page must not grow past what opens fast
    largest = largest_grid(len(kept_maps.paths) * len(explainers))
    images, left_out, unmatched, maps = [], 0, 0, 0
    for path in ordered(kept_maps, results):
        facts, colours, kept = kept_maps.load(path)
        kept = kept.astype(np.float32)  # in half precision numpy is slow
        key = (facts.model, facts.dataset, facts.image)
        if key not in rows:
            left_out += 1
            continue
        scores, matched = scores_of(rows[key], facts)
        others = [i for i, m in enumerate(metrics) if any(of_other(scores, e, m) for e in explainers)]
        unmatched += not matched
        grids_of_maps = small_maps(kept, grids.get(key[:2], ()), largest)
        shown = {
            explainers[name]: {
                "g": list(small.cells.shape),
                "r": [round(small.low, 4), round(small.high, 4)],
                "m": text(small.cells.tobytes()),
                "p": rounded(peak(saliency)),
            }
            for name, small, saliency in zip(facts.explainers, grids_of_maps, kept, strict=True)
        }
        maps += len(shown)
        height, width = colours.shape[:2]
        images.append(
            {
                "b": blocks[key[:2]],
                "n": facts.image,
                "t": classes[facts.target],
                "c": classes[facts.predicted],
                "w": width,
                "h": height,
                "i": text(thumbnail(colours)),
                "x": [[round(value, 2) for value in box] for box in facts.boxes],
                "d": disagreement(facts, kept, results.controls),
                "m": shown,
                "s": [[plain(scores.get((e, m["key"]))) for m in metrics] for e in explainers],
                "o": others,
            }
        )
    return Gallery(
        images=tuple(images),
        explainers=tuple(explainers),
        metrics=tuple(metrics),
        classes=tuple(classes),
        blocks=tuple(blocks),
        maps=maps,
        grid=largest,
        left_out=left_out,
        unmatched=unmatched,
    )


def ordered(kept_maps: KeptMaps, results: Results) -> list[Path]:
    """Return the files by model and data set in the order of the rows, then by file name."""
    blocks = Places()
    for cell in results.cells:
        _ = blocks[cell.model, cell.dataset]
    place = {
        path: blocks.get((facts.model, facts.dataset), len(blocks))
        for path, facts in kept_maps.facts.items()
    }
    return sorted(kept_maps.paths, key=lambda path: (place[path], path.name))


def metrics_of(results: Results) -> list[Plain]:
    """Return the metrics of the run: key, name, direction, and whether all scores are 0 or 1."""
    metrics = []
    for (name, version), rows in results.scores.groupby(["metric", "metric_version"], sort=False):
        scores = rows.loc[rows["status"] == "ok", "score"]
        metrics.append(
            {
                "key": f"{name}@{version}",
                "name": str(name),
                "higher": bool(rows["higher_is_better"].iloc[0]),
                "binary": len(scores) > 0 and bool(scores.isin([0.0, 1.0]).all()),
                "ranks": bool(rows["ranks"].iloc[0]),
            }
        )
    return metrics


def by_image(results: Results) -> dict[tuple[str, str, str], list[MapScore]]:
    """Return the scores of each image of each model and data set, in row order."""
    rows = results.scores[results.scores["image"] != ""]
    key = rows["metric"] + "@" + rows["metric_version"].astype(str)
    columns = ["model", "dataset", "image", "explainer", "target", "predicted", "status", "score"]
    scores: dict[tuple[str, str, str], list[MapScore]] = {}
    for name, *where, explainer, target, predicted, status, score in zip(
        key, *(rows[column] for column in columns), strict=True
    ):
        value = float(score) if status == "ok" else str(status)
        map_score = MapScore(explainer, name, int(target), target == predicted, value)
        scores.setdefault((where[0], where[1], where[2]), []).append(map_score)
    return scores


def native_grids(results: Results) -> dict[tuple[str, str], tuple[tuple[int, int], ...]]:
    """Return the target layer's height and width in cells, by model and data set."""
    grids: dict[tuple[str, str], tuple[tuple[int, int], ...]] = {}
    facts = results.rows[["model", "dataset", "grid"]].drop_duplicates()
    for model, dataset, grid in facts.itertuples(index=False, name=None):
        height, cross, width = grid.partition("x")
        if cross and height.isdigit() and width.isdigit():
            grids[model, dataset] = ((int(height), int(width)),)
    return grids


def scores_of(rows: Sequence[MapScore], facts: KeptMap) -> tuple[Scores, bool]:
    """Return an image's scores by explainer and metric, and whether its maps' class is known.

    A metric that asks about the predicted class alone has no score of another class's maps: its
    score is that of the predicted class, and is marked so. Files that do not say which class they
    show are matched where the rows know of one class only.
    """
    shown = facts.target_index
    if shown < 0:
        targets = {row.target for row in rows}
        if len(targets) > 1:
            return {}, False
        (shown,) = targets
    scores: Scores = {}
    for row in rows:
        if row.target == shown:
            scores[row.explainer, row.metric] = (row.value, False)
        elif row.predicted:
            scores.setdefault((row.explainer, row.metric), (row.value, True))
    return scores, True


def of_other(scores: Scores, explainer: str, metric: Mapping[str, Any]) -> bool:
    """Whether a score is of the predicted class rather than of the one whose map is shown."""
    return scores.get((explainer, metric["key"]), (0.0, False))[1]


def plain(score: tuple[float | str, bool] | None) -> float | str | None:
    """Return a score with four digits, a status, or None if the cell is not part of the run."""
    if score is None:
        return None
    value = score[0]
    if isinstance(value, str):
        return value
    return float(f"{value:.4g}") if isfinite(value) else None


def rounded(position: tuple[float, float] | None) -> list[float] | None:
    """Return a peak rounded to four digits."""
    return None if position is None else [round(share, 4) for share in position]


def disagreement(facts: KeptMap, maps: Array, controls: Sequence[str]) -> float | None:
    """Return 1 less the mean rank correlation of all pairs of maps: 0 is the same order, 1 unrelated.

    Null explainers and flat maps are left out; None where fewer than two maps are left.
    """
    shown = [i for i, name in enumerate(facts.explainers) if name not in controls]
    kept = maps[shown].astype(np.float32, copy=False)
    kept = kept[kept.max((1, 2)) > kept.min((1, 2))] if len(kept) else kept
    if len(kept) < 2:
        return None
    height, width = kept.shape[1:]
    side = min(COMPARED, height, width)
    cells = averaging(side, height) @ kept @ averaging(side, width).T
    ranks = rankdata(cells.reshape(len(kept), -1), axis=1)
    if (ranks.std(1) == 0).any():
        ranks = ranks[ranks.std(1) > 0]
    if len(ranks) < 2:
        return None
    alike = np.corrcoef(ranks)
    pairs = [alike[i, j] for i, j in combinations(range(len(alike)), 2)]
    return round(1 - float(np.mean(pairs)), 3)
