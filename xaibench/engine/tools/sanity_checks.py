"""What checks of an explainer say: numbers against thresholds, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from xaibench.results.intervals import interval

HALF_WAY = 0.5
SAME_FOR_ALL = 0.9
FLAT_SHARE = 0.05
ROUNDING = 1e-4
EQUAL = 1e-6


@dataclass(frozen=True)
class SanityCheck:
    """One thing that was measured, and what it says.

    Args:
        name: of the check.
        measured: what the value is.
        value: a mean over the images, or the largest of them.
        low, high: ends of its 95 % bootstrap interval over images; NaN where it has none.
        threshold: what the value may be at most; of the first two, the whole interval.
        verdict: "pass", "fail" or "undefined".
        why: why it matters, and why this threshold.
        note: what else was seen.
    """

    name: str
    measured: str
    value: float
    low: float
    high: float
    threshold: float
    verdict: str
    why: str
    note: str = ""


@dataclass(frozen=True)
class Band:
    """A curve over the stages, (n,) each: its mean over the images, and the ends of its interval."""

    mean: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
    low: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
    high: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"


@dataclass(frozen=True)
class Examined:
    """What the checks said of an explainer; or why they could not be made."""

    explainer: str
    checks: tuple[SanityCheck, ...] = ()
    band: Band | None = None
    missing: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check was passed; one that is undefined was not."""
        return bool(self.checks) and all(check.verdict == "pass" for check in self.checks)


@dataclass(frozen=True)
class SanityMeasurements:
    """What an explainer did, image by image; a row an image.

    Args:
        curves: (B, draws * stages), similarity after each stage of each cascade; NaN where flat.
        stages: of one cascade.
        other_class: (B,), similarity to the map of another class; NaN where a map is flat.
        flat: (B,), whether the map is.
        alone: (B,), largest difference to the map of the image explained alone.
        again: (B,), largest difference when explained again by the same seed.
        other_seed: (B,), by another seed.
    """

    curves: Tensor
    stages: int
    other_class: Tensor
    flat: Tensor
    alone: Tensor
    again: Tensor
    other_seed: Tensor


def judge(explainer: str, measurements: SanityMeasurements, ids: Sequence[str]) -> Examined:
    """What was seen against what must be."""
    curves = measurements.curves.unflatten(1, (-1, measurements.stages))
    constant = int(curves.isnan().sum())
    checks = (
        mean_below(
            "weights drawn anew",
            "rank correlation with the trained network's map, mean of the stages from the logits down "
            f"and of {len(curves[0])} draws",
            measurements.curves.nanmean(1),
            ids,
            HALF_WAY,
            "a map that stays says nothing of what was learnt. Half-way from 0, nothing is left, to 1, "
            "the picture alone; by the whole interval",
            f"{constant} of {curves.numel()} maps of random networks are flat" if constant else "",
        ),
        mean_below(
            "another class",
            "rank correlation with the map of another class",
            measurements.other_class,
            ids,
            SAME_FOR_ALL,
            "why this class is not why another. At nine tenths the ranking is that of any class; by the "
            "whole interval",
            left_out(measurements.other_class),
        ),
        share_below(measurements.flat, ids),
        all_below(
            "batch",
            "largest difference of a pixel, of at most 1, to the map of the image explained alone",
            measurements.alone,
            ROUNDING,
            "a map must not depend on other images. More than rounding in float32",
        ),
        all_below(
            "seed",
            "largest difference of a pixel to the map by the same seed again",
            measurements.again,
            EQUAL,
            "what cannot be had again cannot be checked. Equal, but for the order of sums on a GPU",
            f"by another seed up to {float(measurements.other_seed.max()):.2g}",
        ),
    )
    return Examined(explainer, checks, band_of(curves.nanmean(1), ids))


def mean_below(
    name: str, measured: str, scores: Tensor, ids: Sequence[str], most: float, why: str, note: str
) -> SanityCheck:
    """Passed if the whole interval of the mean is at most `most`; undefined where there is none."""
    value, low, high = mean_of(scores, ids)
    verdict = "undefined" if np.isnan(high) else "pass" if high <= most else "fail"
    return SanityCheck(name, measured, value, low, high, most, verdict, why, note)


def share_below(constant: Tensor, ids: Sequence[str]) -> SanityCheck:
    """Passed if few maps are flat."""
    value, low, high = mean_of(constant.double(), ids)
    return SanityCheck(
        "flat maps",
        "share of maps that are constant",
        value,
        low,
        high,
        FLAT_SHARE,
        "pass" if value <= FLAT_SHARE else "fail",
        "an empty map explains nothing, and other checks must leave it out. One in 20 is let pass",
        f"{int(constant.sum())} of {len(constant)}",
    )


def all_below(
    name: str, measured: str, differences: Tensor, most: float, why: str, note: str = ""
) -> SanityCheck:
    """Passed if no image's difference is above `most`."""
    value, nan = float(differences.max()), float("nan")
    return SanityCheck(
        name, measured, value, nan, nan, most, "pass" if value <= most else "fail", why, note
    )


def left_out(scores: Tensor) -> str:
    """How many images have no score."""
    missing = int(scores.isnan().sum())
    return f"{missing} of {len(scores)} images left out, a map being flat" if missing else ""


def mean_of(scores: Tensor, ids: Sequence[str]) -> tuple[float, float, float]:
    """Mean of those that are not NaN, and its 95 % interval over images."""
    series = pd.Series(scores.double().numpy())
    known = series.notna()
    return (float(series.mean()), *interval(series[known], pd.Series(ids, dtype=str)[known]))


def band_of(curves: Tensor, ids: Sequence[str]) -> Band:
    """Mean and interval at each stage of (B, stages)."""
    ends = np.array([mean_of(stage, ids) for stage in curves.T])
    return Band(ends[:, 0], ends[:, 1], ends[:, 2])
