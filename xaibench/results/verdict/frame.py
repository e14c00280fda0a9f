"""The verdict of a results folder as a frame, a row an explainer of each model and data set."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.verdict.verdict import BlockVerdict, MetricScores, joint_verdict, verdict

COLUMNS = (
    *("model", "dataset", "explainer", "control", "ranked", "may_be_best", "better_than_controls"),
    *("beaten", "rank_low", "rank_high", "score", "low", "high", "lacking", "units", "left_out"),
    *("floor", "needed_low", "needed_high", "controls_needed_low", "controls_needed_high"),
)


@dataclass(frozen=True)
class MetricFacts:
    """What the verdict must know of a metric besides its scores.

    Args:
        families: family by name and version; a metric that is not in it is a family of its own.
        widths: width of the range by name and version, where it is finite.
    """

    families: Mapping[tuple[str, int], str] = field(default_factory=dict)
    widths: Mapping[tuple[str, int], float] = field(default_factory=dict)

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> "MetricFacts":
        """Read the facts of a run's metrics; a run that is not finished has none."""
        families, widths = {}, {}
        for metric in manifest.get("metrics", []):
            key = metric["name"], int(metric.get("version", 0))
            families[key] = str(metric.get("family") or metric["name"])
            low, high = metric.get("range") or (None, None)
            if low is not None and high is not None:
                widths[key] = float(high) - float(low)
        return cls(families, widths)

    def family(self, cell: Paired) -> str:
        """Return the family of a cell's metric."""
        return self.families.get((cell.metric, cell.version), cell.metric)

    def width(self, cell: Paired) -> float:
        """Return the width of a metric's range; where that is unknown or infinite, of its scores."""
        width = self.widths.get((cell.metric, cell.version))
        if width is not None:
            return width
        known = cell.scores[np.isfinite(cell.scores)]
        return float(np.ptp(known)) if known.size else 0.0


def metric_scores(cells: Sequence[Paired], facts: MetricFacts) -> list[MetricScores]:
    """Return the scores of the metrics that rank, or of all where none does."""
    ranking = [cell for cell in cells if cell.ranks] or list(cells)
    return [
        MetricScores(
            metric=cell.column,
            family=facts.family(cell),
            width=facts.width(cell),
            units=cell.images,
            explainers=cell.explainers,
            goodness=cell.by_image if cell.higher_is_better else np.negative(cell.by_image),
        )
        for cell in ranking
    ]


def block_verdicts(
    cells: Sequence[Paired], controls: Collection[str], facts: MetricFacts
) -> dict[tuple[str, str], BlockVerdict]:
    """Return the verdict on each model and data set, and under ("", "") on all, where there are several.

    Args:
        cells: every model, data set and metric of a run.
        controls: names of the controls.
        facts: families and ranges of the metrics.
    """
    blocks: dict[tuple[str, str], list[Paired]] = {}
    for cell in cells:
        blocks.setdefault((cell.model, cell.dataset), []).append(cell)
    scores = {block: metric_scores(of_block, facts) for block, of_block in blocks.items()}
    verdicts = {block: verdict(metrics, controls) for block, metrics in scores.items()}
    if len(blocks) > 1:
        of_data = [(dataset, metrics) for (_, dataset), metrics in scores.items()]
        verdicts["", ""] = joint_verdict(of_data, controls)
    return verdicts


def verdict_frame(verdicts: dict[tuple[str, str], BlockVerdict]) -> pd.DataFrame:
    """Return verdicts as a frame.

    Args:
        verdicts: by model and data set; ("", "") is all together.

    Returns:
        A row an explainer: model, dataset, explainer, control, ranked, may_be_best (missing where it is
        not ranked), better_than_controls (True where it is shown to beat every control; False: not
        shown; missing where it is not ranked or no control was run), beaten (the controls that it is
        shown to beat), rank_low, rank_high, score (mean midrank over families of metrics, 1 best), low
        and high (95 % interval of the score), lacking (units without a score), units, left_out, floor
        (least units at which anything could be separated), needed_low and needed_high (units that would
        halve the set of the best), controls_needed_low and controls_needed_high (units that would show
        whoever is better than all controls to be so).
    """
    records = [
        record(model, dataset, verdict, standing.explainer)
        for (model, dataset), verdict in verdicts.items()
        for standing in verdict.standings
    ]
    frame = pd.DataFrame(records, columns=list(COLUMNS))
    flags = ["may_be_best", "better_than_controls"]
    return frame.astype(dict.fromkeys(flags, object))  # True, False, or None


def record(model: str, dataset: str, verdict: BlockVerdict, explainer: str) -> dict[str, Any]:
    """Return the row of one explainer."""
    (standing,) = (each for each in verdict.standings if each.explainer == explainer)
    tested = standing.ranked and bool(verdict.controls)
    return {
        "model": model,
        "dataset": dataset,
        "explainer": explainer,
        "control": standing.control,
        "ranked": standing.ranked,
        "may_be_best": standing.may_be_best if standing.ranked else None,
        "better_than_controls": standing.beaten == verdict.controls if tested else None,
        "beaten": ", ".join(standing.beaten),
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "score": standing.score,
        "low": standing.low,
        "high": standing.high,
        "lacking": standing.lacking,
        "units": verdict.units,
        "left_out": verdict.left_out,
        "floor": verdict.floor,
        "needed_low": verdict.needed[0],
        "needed_high": verdict.needed[1],
        "controls_needed_low": verdict.needed_for_controls[0],
        "controls_needed_high": verdict.needed_for_controls[1],
    }
