"""Insertion and deletion curves: means over images with bootstrap bands, one panel per explainer."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xaibench.report.page.svg import Axis, Drawing, Mark, line, path, words
from xaibench.results.aggregates import quotient
from xaibench.results.arrays import Numbers, Places, Vector
from xaibench.results.intervals import ends, resampled
from xaibench.results.results import Results
from xaibench.results.statistics.differences import control_of

CURVES = re.compile(r"(insertion|deletion)((?:-\d+|-grid|-1pc)?)")  # probabilities, step by step
POINTS = 57  # of a curve; more are not seen
WIDTH, HEIGHT = 200.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 28.0, 8.0, 8.0, 22.0

Trials = dict[tuple[str, int], Vector]
Band = tuple[Numbers, Numbers, Numbers]  # mean, low, high, (points,) each


@dataclass(frozen=True)
class CurvePanel:
    """One explainer's curves and the areas under them."""

    explainer: str
    control: bool
    areas: tuple[tuple[str, float], ...]
    drawing: Drawing


@dataclass(frozen=True)
class Curves:
    """The panels of one model, data set and protocol, in the order of the leaderboard.

    Args:
        metrics: the metrics whose curves these are.
        images: how many are in all of them; `left_out`: others.
        reference: which explainer is drawn thin in every panel; "" where none is.
    """

    model: str
    dataset: str
    metrics: tuple[str, ...]
    images: int
    left_out: int
    reference: str
    panels: tuple[CurvePanel, ...]


def curves(
    results: Results,
    model: str,
    dataset: str,
    order: Sequence[str],
    means: Mapping[tuple[str, str], float],
) -> Iterator[Curves]:
    """Yield the curves of a model and data set, one protocol at a time.

    Args:
        results: of a run.
        model: which.
        dataset: which.
        order: explainers, best first.
        means: the areas by explainer and metric.
    """
    rows = results.scores
    rows = rows[(rows["model"] == model) & (rows["dataset"] == dataset) & (rows["status"] == "ok")]
    protocols: dict[str, list[str]] = {}
    for metric in rows["metric"].unique():
        if protocol := CURVES.fullmatch(metric):
            protocols.setdefault(protocol[2], []).append(metric)
    for metrics in protocols.values():
        metrics.sort(reverse=True)  # insertion, then deletion
        known = {metric: trials_of(rows[rows["metric"] == metric]) for metric in metrics}
        bands, images, left_out = banded(known, order)
        reference = control_of(list(bands), results.controls)
        panels = [
            CurvePanel(
                name,
                name in results.controls,
                tuple((metric, means[name, metric]) for metric in bands[name]),
                panel(name, bands[name], bands.get(reference, {}) if name != reference else {}, images),
            )
            for name in order
            if name in bands
        ]
        if panels:
            yield Curves(model, dataset, tuple(metrics), images, left_out, reference, tuple(panels))


def trials_of(rows: pd.DataFrame) -> dict[str, Trials]:
    """Return the curves of a metric's newest version by explainer, image and class."""
    newest = rows[rows["metric_version"] == rows["metric_version"].max()]
    by_explainer: dict[str, Trials] = {}
    columns = (newest[name] for name in ("explainer", "image", "target", "curve"))
    for explainer, image, target, curve in zip(*columns, strict=True):
        if len(curve) > 1:
            by_explainer.setdefault(explainer, {})[image, target] = np.asarray(curve, dtype=float)
    return by_explainer


def banded(
    known: Mapping[str, dict[str, Trials]], order: Sequence[str]
) -> tuple[dict[str, dict[str, Band]], int, int]:
    """Return mean and band of every explainer's curves, on the images and classes that all of them have.

    An explainer without any curve leaves nothing out for the others, and is not among them.

    Returns:
        By explainer and metric; how many images; and how many trials were left out.
    """
    names = [name for name in order if any(name in trials for trials in known.values())]
    sets = [set(trials[name]) for trials in known.values() for name in names if name in trials]
    common = sorted(set.intersection(*sets)) if sets else []
    every = set().union(*sets)
    codes, images = pd.factorize(np.array([image for image, _ in common], dtype=object))
    bands: dict[str, dict[str, Band]] = {}
    if common:
        for metric, trials in known.items():
            for name in names:
                if name in trials:
                    each = np.stack([trials[name][trial] for trial in common])
                    bands.setdefault(name, {})[metric] = band(each, codes, len(images))
    return bands, len(images), len(every) - len(common)


def band(each: Numbers, codes: Places, images: int) -> Band:
    """Return mean and 95 % band of curves (trials, steps), resampling images with all their trials."""
    if each.shape[1] > POINTS:
        each = each[:, np.linspace(0, each.shape[1] - 1, POINTS).round().astype(int)]
    totals = np.zeros((images, each.shape[1], 2))
    np.add.at(totals, codes, np.stack([each, np.ones_like(each)], axis=2))
    low, high = ends(resampled(totals, quotient), images)
    return quotient(totals.sum(0)), low, high


def panel(name: str, own: Mapping[str, Band], other: Mapping[str, Band], images: int) -> Drawing:
    """Draw an explainer's curves and bands over the reference's curves."""
    x, y = Axis(0, 1, LEFT, WIDTH - RIGHT), Axis(0, 1, HEIGHT - BOTTOM, TOP)
    marks: list[Mark] = []
    for tick in (0.0, 0.5, 1.0):
        marks.append(line(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick), "rule"))
        marks.append(words(LEFT - 5, y.at(tick) + 3.5, f"{tick:g}", "tick", "end"))
    for tick, label, anchor in ((0.0, "0 %", "start"), (1.0, "100 % of the pixels", "end")):
        marks.append(words(x.at(tick), HEIGHT - 6, label, "tick", anchor))
    for mean, _, _ in other.values():
        marks.append(path(along(mean, x, y), "reference"))
    for metric, (mean, low, high) in own.items():
        style = metric.split("-")[0]
        if not np.isnan(low).any():
            marks.append(path(along(high, x, y) + along(low, x, y)[::-1], f"band {style}", closed=True))
        marks.append(path(along(mean, x, y), f"curve {style}"))
    courses = "; ".join(
        f"{metric} from {mean[0]:.2f} over {mean[len(mean) // 2]:.2f} half way to {mean[-1]:.2f}"
        for metric, (mean, _, _) in own.items()
    )
    return Drawing(WIDTH, HEIGHT, f"{name}, mean over {images} images: {courses}", tuple(marks))


def along(values: Numbers, x: Axis, y: Axis) -> list[tuple[float, float]]:
    """Return the points of a curve in pixels."""
    shares = np.linspace(0, 1, len(values))
    return [
        (x.at(float(share)), y.at(float(value))) for share, value in zip(shares, values, strict=True)
    ]
