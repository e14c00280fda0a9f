"""The verdict on one model and data set, or on several together, from the scores of their units."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from jaxtyping import Float

from xaibench.results.arrays import ByImage, Each, Flags, Numbers
from xaibench.results.verdict.best_set import may_be_best
from xaibench.results.verdict.bounded_intervals import bounded_interval
from xaibench.results.verdict.controls import control_p
from xaibench.results.verdict.needed_units import needed_range, units_to_beat, units_to_halve
from xaibench.results.verdict.rank_intervals import rank_intervals, surely_better
from xaibench.results.verdict.sign_flips import ALPHA, least_units
from xaibench.results.verdict.unit_scores import EQUAL, family_means, midranks

UNKNOWN = (np.nan, np.nan)
MOST_LACKING = 0.5  # an explainer that lacks scores on more of the units is not ranked


@dataclass(frozen=True)
class MetricScores:
    """The scores of one metric, model and data set: a row a unit, a column an explainer.

    Args:
        metric: name with version.
        family: metrics of one family have one vote together.
        width: width of the metric's range; where that is infinite, of the observed scores.
        units: name of each row; the same name in two metrics is the same unit.
        explainers: name of each column.
        goodness: (units, explainers), larger is better; NaN where there is no score.
    """

    metric: str
    family: str
    width: float
    units: tuple[str, ...]
    explainers: tuple[str, ...]
    goodness: ByImage


@dataclass(frozen=True)
class Standing:
    """What the verdict says of one explainer; of a control or an unranked one only what applies.

    Args:
        explainer: its name.
        control: whether it is a control.
        ranked: whether it has scores on enough units.
        may_be_best: whether it is in the set of the best.
        beaten: the controls that it is shown to beat.
        rank_low, rank_high: interval of its rank among the ranked explainers.
        score: mean midrank over the units, 1 best.
        low, high: 95 % interval of the score.
        lacking: number of units on which it lacks a score.
    """

    explainer: str
    control: bool
    ranked: bool
    may_be_best: bool = False
    beaten: tuple[str, ...] = ()
    rank_low: float = np.nan
    rank_high: float = np.nan
    score: float = np.nan
    low: float = np.nan
    high: float = np.nan
    lacking: int = 0


@dataclass(frozen=True)
class BlockVerdict:
    """Which explainers may be best, which beat the controls, and on how many units.

    Args:
        standings: one an explainer: the ranked ones by score, then unranked ones, then controls.
        controls: the controls that have scores.
        units: number of units that the tests are made on.
        left_out: number of units on which a ranked explainer has no score.
        floor: least number of units on which these explainers could be separated at all.
        equal: pairs of explainers that have the same ranks on every unit.
        needed: range of the number of units that would halve the set of the best; NaN where it is.
        needed_for_controls: range of the number of units that would show every explainer that is
            better than all controls to be so; NaN where that is shown.
        last_where_undefined: the set of the best when a missing score counts as the last rank.
    """

    standings: tuple[Standing, ...]
    controls: tuple[str, ...]
    units: int
    left_out: int
    floor: int
    equal: tuple[tuple[str, str], ...] = ()
    needed: tuple[float, float] = UNKNOWN
    needed_for_controls: tuple[float, float] = UNKNOWN
    last_where_undefined: tuple[str, ...] = ()

    @property
    def ranked(self) -> tuple[Standing, ...]:
        """The ranked explainers by score, the best first."""
        return tuple(standing for standing in self.standings if standing.ranked)

    @property
    def best(self) -> tuple[str, ...]:
        """The explainers that may be best, by score."""
        return tuple(standing.explainer for standing in self.ranked if standing.may_be_best)

    @property
    def beat_all_controls(self) -> tuple[str, ...]:
        """The ranked explainers that are shown to beat every control."""
        return tuple(s.explainer for s in self.ranked if self.controls and s.beaten == self.controls)


@dataclass(frozen=True)
class UnitRanks:
    """Mean midranks over families of metrics, of units by explainers.

    Args:
        units: name of each row.
        explainers: name of each column.
        ranks: 1 best; NaN where an explainer lacks a score that others have.
    """

    units: tuple[str, ...]
    explainers: tuple[str, ...]
    ranks: Float[np.ndarray, "units explainers"] = field(repr=False)

    @property
    def complete(self) -> Flags:
        """Which units have all ranks."""
        return np.asarray(~np.isnan(self.ranks).any(1))


def unit_ranks(metrics: Sequence[MetricScores], explainers: Sequence[str]) -> UnitRanks:
    """Rank some explainers within each unit and metric, and average over metrics and families.

    A unit of which a metric has no score at all is ranked by the others; an explainer that lacks a
    score which another one has is not ranked on that unit.
    """
    units = tuple(dict.fromkeys(unit for scores in metrics for unit in scores.units))
    place = {unit: row for row, unit in enumerate(units)}
    families: dict[str, list[Numbers]] = {}
    incomplete = np.zeros((len(units), len(explainers)), dtype=bool)
    for scores in metrics:
        wide = np.full((len(units), len(explainers)), np.nan)
        rows = [place[unit] for unit in scores.units]
        for column, name in enumerate(explainers):
            if name in scores.explainers:
                wide[rows, column] = scores.goodness[:, scores.explainers.index(name)]
        missing = np.isnan(wide)
        incomplete |= missing & ~missing.all(1, keepdims=True)
        families.setdefault(scores.family, []).append(midranks(wide, EQUAL * scores.width))
    means = family_means(families)
    return UnitRanks(units, tuple(explainers), np.where(incomplete, np.nan, means))


def together(blocks: Sequence[tuple[str, UnitRanks]]) -> UnitRanks:
    """Join the ranks of several models and data sets: those of one data set's unit are averaged.

    A unit that some model has not seen is the mean over the others; one that is incomplete for a model
    is incomplete for all.

    Args:
        blocks: the data set's name and the ranks of the same explainers, one a model and data set.
    """
    (explainers,) = {ranks.explainers for _, ranks in blocks}
    rows: dict[tuple[str, str], list[Numbers]] = {}
    for dataset, ranks in blocks:
        for unit, row in zip(ranks.units, ranks.ranks, strict=True):
            rows.setdefault((dataset, unit), []).append(row)
    means = [np.mean(each, axis=0) for each in rows.values()]
    units = tuple(f"{dataset}/{unit}" if dataset else unit for dataset, unit in rows)
    return UnitRanks(units, explainers, np.array(means).reshape(len(means), len(explainers)))


def verdict(metrics: Sequence[MetricScores], controls: Collection[str] = ()) -> BlockVerdict:
    """Return the verdict on the explainers of one model and data set.

    Args:
        metrics: the scores of the metrics that rank.
        controls: names of explainers that never look at the network; they are compared with, not ranked.
    """
    return joint_verdict([("", metrics)], controls)


def joint_verdict(
    blocks: Sequence[tuple[str, Sequence[MetricScores]]], controls: Collection[str] = ()
) -> BlockVerdict:
    """Return the verdict on the explainers over several models and data sets together.

    Explainers are ranked within each block. Those that lack scores on more than half of the units of
    any block are not ranked. A unit that several models have seen counts once.

    Args:
        blocks: the data set's name and the scores of the metrics that rank, one a model and data set.
        controls: names of explainers that never look at the network; they are compared with, not ranked.
    """
    metrics = [scores for _, of_block in blocks for scores in of_block]
    names = sorted({name for scores in metrics for name in scores.explainers})
    lacking, enough = dict.fromkeys(names, 0), set(names)
    for _, of_block in blocks:
        missing = np.isnan(unit_ranks(of_block, names).ranks)
        for name, count in zip(names, missing.sum(0).tolist(), strict=True):
            lacking[name] += count
            if count > MOST_LACKING * len(missing) or count == len(missing):
                enough.discard(name)
    ranked = [name for name in names if name not in controls and name in enough]
    compared = [name for name in names if name in controls and name in enough]
    own = together([(data, unit_ranks(of_block, ranked)) for data, of_block in blocks])
    every = together([(data, unit_ranks(of_block, [*ranked, *compared])) for data, of_block in blocks])
    unranked = [name for name in names if name not in controls and name not in enough]
    return conclude(own, every, tuple(compared), lacking, unranked, [n for n in names if n in controls])


def conclude(
    own: UnitRanks,
    against: UnitRanks,
    compared: tuple[str, ...],
    lacking: dict[str, int],
    unranked: Sequence[str],
    controls: Sequence[str],
) -> BlockVerdict:
    """Make the tests on ranks.

    Args:
        own: ranks of the ranked explainers among themselves.
        against: ranks of the ranked explainers and the controls among one another.
        compared: controls that have enough scores, the last columns of `against`.
        lacking: number of units on which each explainer lacks a score.
        unranked: explainers with too few scores.
        controls: all controls.
    """
    names, complete = own.explainers, own.complete
    ranks, count = own.ranks[complete], len(names)
    goodness = -ranks
    best = may_be_best(goodness) if count else np.zeros(0, dtype=bool)
    rank_low, rank_high = rank_intervals(surely_better(goodness))
    both = -against.ranks[against.complete]
    shown = control_p(both[:, :count], both[:, count:]) <= ALPHA
    standings = []
    for column, name in enumerate(names):
        low, high = score_interval(ranks[:, column], count)
        standings.append(
            Standing(
                explainer=name,
                control=False,
                ranked=True,
                may_be_best=bool(best[column]),
                beaten=tuple(c for c, beats in zip(compared, shown[column], strict=True) if beats),
                rank_low=float(rank_low[column]),
                rank_high=float(rank_high[column]),
                score=float(ranks[:, column].mean()) if len(ranks) else np.nan,
                low=low,
                high=high,
                lacking=lacking[name],
            )
        )
    standings.sort(key=lambda standing: (np.nan_to_num(standing.score, nan=np.inf), standing.explainer))
    others = [(name, False) for name in unranked] + [(name, True) for name in controls]
    rest = [Standing(name, control, False, lacking=lacking.get(name, 0)) for name, control in others]
    return BlockVerdict(
        standings=(*standings, *rest),
        controls=compared,
        units=len(ranks),
        left_out=int((~complete).sum()),
        floor=least_units(arrangements=2 if count > 2 else 1),
        equal=equal_pairs(names, ranks),
        needed=needed_range(goodness, units_to_halve) if 2 * best.sum() > count > 1 else UNKNOWN,
        needed_for_controls=needed_range(both, units_to_beat(count)) if not shown.all() else UNKNOWN,
        last_where_undefined=best_with_last(own) if count else (),
    )


def best_with_last(ranks: UnitRanks) -> tuple[str, ...]:
    """Return the set of the best when a missing score counts as the last rank."""
    last = np.where(np.isnan(ranks.ranks), float(len(ranks.explainers)), ranks.ranks)
    stays = may_be_best(-last)
    return tuple(name for name, stay in zip(ranks.explainers, stays, strict=True) if stay)


def score_interval(ranks: Each, explainers: int) -> tuple[float, float]:
    """Return the 95 % interval of a mean midrank of independent units, within 1 and `explainers`."""
    if explainers < 2 or not len(ranks):
        return UNKNOWN
    return bounded_interval(ranks, 1.0, float(explainers))


def equal_pairs(explainers: Sequence[str], ranks: Numbers) -> tuple[tuple[str, str], ...]:
    """Return the pairs of explainers that have the same rank on every unit."""
    if not len(ranks):
        return ()
    return tuple(
        (explainers[i], explainers[j])
        for i, j in combinations(range(len(explainers)), 2)
        if (ranks[:, i] == ranks[:, j]).all()
    )
