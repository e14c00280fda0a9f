"""Comparison of two results folders, paired by image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from xaibench.results.arrays import ByImage, Vector
from xaibench.results.statistics.differences import WORSE, Difference, difference_columns, of_scores
from xaibench.results.statistics.score_matrix import Paired, matrix
from xaibench.results.statistics.significance import holm, strictest

WHERE = ["model", "dataset", "metric", "metric_version", "explainer"]
TRIAL = ["image", "target"]
TOLERANCE = 1e-5  # float32 forwards on two machines differ by less
FIRST, SECOND = "A", "B"


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side, B less A.

    Args:
        frame: a row a model, data set, metric version and explainer that both have: `a` and `b` (the
            values on the common images), difference, low, high, p, p_holm (over all rows), verdict,
            images, left_out, lost and gained (trials that only A, only B has a score of), why_lost,
            reason (why either lacks scores), detectable, images_needed, versions (of the explainer).
        only: cells that one of the two has, with the column `only_in`: never compared with anything.
        remarks: what else is different and might explain a change, in sentences.
    """

    frame: pd.DataFrame
    only: pd.DataFrame
    remarks: tuple[str, ...]

    @property
    def regressions(self) -> pd.DataFrame:
        """Cells that are significantly worse, and cells that have lost scores."""
        worse = (self.frame["verdict"] == WORSE) | (self.frame["lost"] > 0)
        return self.frame[worse]


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metrics: Sequence[str] = (),
    explainers: Sequence[str] = (),
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Compare two tidy tables, cell by cell, on the images and classes that both have scores of.

    Explainers pair by name, whatever their versions; metrics by name *and* version, since another
    version measures something else. Images of one name with other content are not paired.

    Args:
        first: rows of A, those of the shared pass left out.
        second: rows of B, likewise.
        metrics: names to look at; all where empty.
        explainers: likewise.
        tolerance: scores that differ by less, relative to the larger, count as equal.
    """
    a, b = (chosen(rows, metrics, explainers) for rows in (first, second))
    changed = other_content(a, b)
    in_a, in_b = (dict(list(rows.groupby(WHERE, sort=False))) for rows in (a, b))
    both = [key for key in in_a if key in in_b]
    pairs = [pair(in_a[key], in_b[key], changed, tolerance) for key in both]
    corrected = holm(np.array([each.p for _, each in pairs], dtype=float))
    records = [
        {
            **dict(zip(WHERE, key, strict=True)),
            **changes(cell, in_a[key], in_b[key]),
            **difference_columns(each, p, cell.higher_is_better, strictest(corrected)),
        }
        for key, (cell, each), p in zip(both, pairs, corrected, strict=True)
    ]
    only = [
        {**dict(zip(WHERE, key, strict=True)), "only_in": side}
        for side, own, others in ((FIRST, in_a, in_b), (SECOND, in_b, in_a))
        for key in own
        if key not in others
    ]
    return Comparison(
        pd.DataFrame(records, columns=None if records else [*WHERE, "verdict", "lost", "reason"]),
        pd.DataFrame(only, columns=[*WHERE, "only_in"]),
        tuple(remarks(a, b, changed)),
    )


def chosen(rows: pd.DataFrame, metrics: Sequence[str], explainers: Sequence[str]) -> pd.DataFrame:
    """Return the rows of these metrics and explainers."""
    for column, names in (("metric", metrics), ("explainer", explainers)):
        if names:
            rows = rows[rows[column].isin(list(names))]
    return rows


def other_content(a: pd.DataFrame, b: pd.DataFrame) -> set[tuple[str, str]]:
    """Return data set and image of each image whose name stands for different pixels."""
    shas = []
    for rows in (a, b):
        known = rows[(rows["image"] != "") & (rows["image_sha"] != "")]
        shas.append(known.groupby(["dataset", "image"])["image_sha"].first())
    left, right = shas[0].align(shas[1], join="inner")
    return {(str(dataset), str(image)) for dataset, image in left.index[left != right]}


def pair(
    a: pd.DataFrame, b: pd.DataFrame, changed: set[tuple[str, str]], tolerance: float
) -> tuple[Paired, Difference]:
    """Return one cell of both runs: its scores as a matrix of columns B and A, and their difference."""
    sides = pd.concat([b.assign(explainer=SECOND), a.assign(explainer=FIRST)])
    cell = matrix(sides)
    same = np.array([(cell.dataset, cell.images[i]) not in changed for i in cell.places], dtype=bool)
    both = cell.defined.all(1) & same
    scores = np.where(both[:, None], cell.scores, np.nan)
    cell = replace(cell, scores=scores, parts=cell.parts * both[:, None, None])
    known = np.isin(np.arange(len(cell.images)), cell.places[both])
    totals = cell.per_image(cell.parts)[known][:, ::-1]  # B before A
    gains = beyond(cell.by_image[known], tolerance)
    return cell, of_scores(totals, cell, gains, int((~both).sum()))


def beyond(by_image: ByImage, tolerance: float) -> Vector:
    """Return B less A, image by image; 0 where they are equal except for rounding."""
    a, b = by_image.T
    gains = b - a
    return np.where(np.abs(gains) <= tolerance * np.maximum(np.abs(a), np.abs(b)), 0.0, gains)


def changes(cell: Paired, a: pd.DataFrame, b: pd.DataFrame) -> dict[str, object]:
    """Return the values of a cell on common trials, its versions, and the scores that one run lacks."""
    value_a, value_b = cell.values
    lost, gained = lacking(a, b), lacking(b, a)
    versions = [str(rows["explainer_version"].iloc[0]) for rows in (a, b)]
    return {
        "a": float(value_a),
        "b": float(value_b),
        "lost": len(lost),
        "gained": len(gained),
        "why_lost": "; ".join(dict.fromkeys(lost)),
        "reason": cell.why(0, 1),
        "versions": " → ".join(dict.fromkeys(versions)),
    }


def lacking(own: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Return the other run's reason for each image and class that only this run has a score of.

    An image that the other was not asked about is not lacking, nor one of which it predicts another
    class.
    """
    here = own.loc[own["status"] == "ok", TRIAL]
    scored = set(other.loc[other["status"] == "ok", TRIAL].itertuples(index=False, name=None))
    odd = other[other["status"] != "ok"]
    why: dict[str, str] = dict(zip(odd["image"], odd["reason"], strict=True))  # "": of all images
    return [
        why[image] if image in why else why[""]
        for image, target in here.itertuples(index=False, name=None)
        if (image, target) not in scored and (image in why or "" in why)
    ]


def remarks(a: pd.DataFrame, b: pd.DataFrame, changed: set[tuple[str, str]]) -> list[str]:
    """Return a sentence for each difference between two runs besides their scores."""
    sentences = []
    for metric in sorted(set(a["metric"]) & set(b["metric"])):
        versions = [set(rows.loc[rows["metric"] == metric, "metric_version"]) for rows in (a, b)]
        if versions[0] != versions[1]:
            names = " and ".join(
                ", ".join(f"{metric}@{version}" for version in sorted(of_side)) for of_side in versions
            )
            sentences.append(
                f"{names} (A and B) are kept apart: another version measures something else"
            )
    for column, what, by in (
        ("weights_sha", "weights", ["model"]),
        ("layer", "target layer", ["model"]),
        ("explainer_params", "settings", ["explainer"]),
        ("metric_params", "settings", ["metric", "metric_version"]),
        ("seed", "seed", ["model"]),
        ("device", "device", ["model"]),
    ):
        for name in differing(a, b, column, by):
            sentences.append(f"{name}: other {what} in B than in A")
    if changed:
        images = ", ".join(sorted(image for _, image in changed)[:3])
        sentences.append(f"{len(changed)} images have other content in B and are not paired: {images}")
    return sentences


def differing(a: pd.DataFrame, b: pd.DataFrame, column: str, by: list[str]) -> list[str]:
    """Return the names whose column holds other values in B than in A."""
    left, right = (
        {key: set(group[column]) for key, group in rows[rows["image"] != ""].groupby(by)}
        for rows in (a, b)
    )
    return [str(key[0]) for key in left if key in right and left[key] != right[key]]
