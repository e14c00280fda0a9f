"""Paired differences from one explainer, and win rates image by image."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from xaibench.results.aggregates import MEAN
from xaibench.results.arrays import Totals, Vector
from xaibench.results.intervals import ends, resampled
from xaibench.results.statistics.power import detectable, images_needed
from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.statistics.significance import ALPHA, holm, signed_rank, strictest

BETTER, WORSE, SAME, EQUAL, UNDECIDED = (
    "better",
    "worse",
    "no difference beyond noise",
    "equal",
    "cannot tell",
)
CONTROL = "random"


@dataclass(frozen=True)
class Difference:
    """The difference between two sets of scores of the same trials.

    Args:
        value: the first's less the second's, in units of the score.
        low, high: ends of its 95 % bootstrap interval.
        p: of Wilcoxon's signed ranks over images, not corrected.
        sign: of the signed ranks.
        images: of which something is common to both.
        left_out: trials of which one of the two, or each, has no score.
        gains: of each of those images, the first's mean score less the second's.
    """

    value: float
    low: float
    high: float
    p: float
    sign: int
    images: int
    left_out: int
    gains: Vector

    def verdict(self, corrected: float, higher_is_better: bool, alpha: float = ALPHA) -> str:
        """Return one of BETTER, WORSE, SAME, EQUAL, UNDECIDED.

        It takes a significant test whose signed ranks point where the means do: where a few large
        differences go against many small ones, neither is called better.
        """
        if np.isnan(corrected):
            return UNDECIDED
        if not self.gains.any():
            return EQUAL
        if corrected > alpha or self.sign != np.sign(self.value):
            return SAME
        return BETTER if (self.value > 0) == higher_is_better else WORSE


def difference(cell: Paired, one: int, other: int) -> Difference:
    """Return the difference between the explainers in two columns, on their common trials."""
    both = cell.defined[:, one] & cell.defined[:, other]
    totals = cell.per_image(cell.parts[:, [one, other]] * both[:, None, None])
    first, second = cell.common(one, other)
    known = ~np.isnan(first)
    return of_scores(totals[known], cell, (first - second)[known], int((~both).sum()))


def of_scores(totals: Totals, cell: Paired, differences: Vector, left_out: int) -> Difference:
    """Return the difference between two sets of scores.

    Args:
        totals: what each common image adds to the values of both, (n, 2, k).
        cell: whose aggregate it is.
        differences: of those images' mean scores.
        left_out: see `Difference`.
    """
    value = cell.aggregate.value
    drawn = resampled(totals, value)
    low, high = ends(drawn[:, 0] - drawn[:, 1], len(totals))
    first, second = value(totals.sum(0))
    test = signed_rank(differences)
    return Difference(
        value=float(first - second),
        low=float(low),
        high=float(high),
        p=test.p,
        sign=test.sign,
        images=len(totals),
        left_out=left_out,
        gains=differences,
    )


def against(cell: Paired, reference: str) -> pd.DataFrame:
    """Return every explainer less `reference`, with Holm's correction over all of them.

    Returns:
        A row each but the reference: difference, low, high, p, p_holm, verdict, images, left_out (see
        `Difference`), detectable (the least difference that as many images would show) and
        images_needed (that would show a difference such as this one), both at `strictest`'s level.
    """
    other = cell.place(reference)
    places = [i for i in range(len(cell.explainers)) if i != other]
    each_difference = [difference(cell, i, other) for i in places]
    corrected = holm(np.array([each.p for each in each_difference]))
    records = [
        {
            **cell.facts,
            "explainer": cell.explainers[i],
            "reference": reference,
            **difference_columns(each, p, cell.higher_is_better, strictest(corrected)),
            "reason": cell.why(i, other),
        }
        for i, each, p in zip(places, each_difference, corrected, strict=True)
    ]
    return pd.DataFrame(records)


def difference_columns(
    each: Difference, corrected: float, higher_is_better: bool, alpha: float
) -> dict[str, object]:
    """Return a difference as columns of a table; `alpha` is the level for planning."""
    return {
        "difference": each.value,
        "low": each.low,
        "high": each.high,
        "p": each.p,
        "p_holm": corrected,
        "verdict": each.verdict(corrected, higher_is_better),
        "images": each.images,
        "left_out": each.left_out,
        "detectable": detectable(each.gains, alpha),
        "images_needed": images_needed(each.gains, alpha),
    }


def control_of(explainers: Sequence[str], controls: Sequence[str] = ()) -> str:
    """Return the explainer that stands for chance: `random`, or else the first control, or ""."""
    candidates = [name for name in (CONTROL, *controls) if name in explainers]
    return candidates[0] if candidates else ""


def differences(cell: Paired, controls: Sequence[str] = ()) -> pd.DataFrame:
    """Return every explainer against the control and the best, named in the column `against`."""
    control = control_of(cell.explainers, controls)
    frames = [
        against(cell, reference).assign(against=role)
        for role, reference in (("control", control), ("best", cell.best))
        if reference and len(cell.explainers) > 1
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def win_rates(cell: Paired) -> pd.DataFrame:
    """Return the share of images on which one explainer is better than another.

    An image of several classes is one, with its mean scores. Equal scores are half a win to each,
    so that the rates of a pair add up to 1; their share is a column.

    Returns:
        A row an ordered pair: explainer, other, win, low, high (95 % bootstrap interval), equal,
        images, left_out (trials).
    """
    pairs = list(combinations(range(len(cell.explainers)), 2))
    if not pairs:
        return pd.DataFrame()
    both = [cell.common(one, other) for one, other in pairs]
    gains = np.stack([first - second for first, second in both], axis=1)
    known = ~np.isnan(gains)
    turned = np.where(known, gains if cell.higher_is_better else -gains, 0.0)
    totals = np.stack([known * (np.sign(turned) + 1) / 2, known.astype(float)], axis=2)
    drawn = resampled(totals, MEAN.value)
    records: list[dict[str, object]] = []
    for pair, (one, other) in enumerate(pairs):
        images = int(known[:, pair].sum())
        low, high = (float(end) for end in ends(drawn[:, pair], images))
        win = float(MEAN.value(totals[:, pair].sum(0)))
        level = known[:, pair] & (gains[:, pair] == 0)
        shared = {
            "equal": float(level.sum() / images) if images else float("nan"),
            "images": images,
            "left_out": int((~cell.defined[:, [one, other]].all(1)).sum()),
            "reason": cell.why(one, other),
        }
        rates = {"win": win, "low": low, "high": high}
        losses = {"win": 1 - win, "low": 1 - high, "high": 1 - low}
        for a, b, rate in ((one, other, rates), (other, one, losses)):
            names = {"explainer": cell.explainers[a], "other": cell.explainers[b]}
            records.append({**cell.facts, **names, **rate, **shared})
    return pd.DataFrame(records)
