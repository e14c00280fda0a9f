"""Error and power of the verdict's procedures, on units that are drawn from real score tables.

    python tests/simulated_verdicts.py [--draws 400]

A table holds the unit scores of a real run. It is taken for the population: its means are the truth,
and n of its units are drawn with replacement. Beside the procedures stand those that they replaced.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xaibench.results.statistics.ties import ties
from xaibench.results.verdict.best_set import may_be_best
from xaibench.results.verdict.controls import control_p
from xaibench.results.verdict.rank_intervals import surely_better
from xaibench.results.verdict.verdict import MetricScores, unit_ranks

TABLES = Path(__file__).parent / "results" / "verdict" / "tables"
SIZES = (6, 9, 12, 20, 40)
FAMILY = {"insertion-28": "perturbation", "deletion-28": "perturbation", "pointing-game": "localisation"}
CONTROLS = ("center", "edge", "random")


@dataclass(frozen=True)
class Table:
    """A population of units.

    Args:
        name: of the model and data set.
        own: (units, E), ranks among the explainers that are ranked, turned so that larger is better.
        against: (units, E + C), ranks among these and the controls, likewise.
    """

    name: str
    own: np.ndarray
    against: np.ndarray


@dataclass(frozen=True)
class Rates:
    """Shares of draws.

    Args:
        best_lost: the true best is not in the set of the best.
        set_size: mean size of that set.
        false_pairs: any pair is put in an order that is not the true one.
        pairs: mean share of the pairs that are put in order.
        false_controls: any explainer is said to beat a control that it does not.
        controls: mean share of the pairs of explainer and control that are shown.
        former_false_pairs, former_pairs: of Friedman's and Wilcoxon's tests with Holm's correction.
    """

    best_lost: float
    set_size: float
    false_pairs: float
    pairs: float
    false_controls: float
    controls: float
    former_false_pairs: float
    former_pairs: float


def read_table(path: Path) -> Table:
    """Read the scores of one model and data set: unit, explainer, metric, goodness."""
    rows = pd.read_parquet(path)
    metrics = []
    for metric, group in rows.groupby("metric"):
        wide = group.pivot_table(index="unit", columns="explainer", values="goodness", dropna=False)
        units, explainers = tuple(map(str, wide.index)), tuple(map(str, wide.columns))
        metrics.append(MetricScores(metric, FAMILY[metric], 1.0, units, explainers, wide.to_numpy()))
    known = rows.groupby("explainer")["goodness"].apply(lambda scores: scores.notna().mean())
    names = [str(name) for name in known.index[known > 0.9] if name not in CONTROLS]
    own, against = unit_ranks(metrics, names), unit_ranks(metrics, [*names, *CONTROLS])
    complete = own.complete & against.complete
    return Table(path.stem, -own.ranks[complete], -against.ranks[complete])


def shuffled(table: Table, seed: int = 0) -> Table:
    """Return a table in which nothing differs: each unit's ranks are put in a random order."""
    generator = np.random.default_rng(seed)
    # Every unit stands twice, with each order and its reverse about the middle, so that no mean differs.
    against = generator.permuted(table.against, axis=1)
    mirrored = np.concatenate([against, 2 * against.mean(1, keepdims=True) - against])
    count = table.own.shape[1]
    return Table(f"{table.name}, shuffled", mirrored[:, :count], mirrored)


def rates(table: Table, units: int, draws: int, former: bool = True, seed: int = 0) -> Rates:
    """Draw `units` units `draws` times, and count what the procedures say.

    Args:
        table: the population.
        units: number of units of a draw.
        draws: number of draws.
        former: whether the replaced procedures are counted, too, which takes most of the time.
        seed: seed of the draws.
    """
    generator = np.random.default_rng(seed)
    count = table.own.shape[1]
    truth, joint = table.own.mean(0), table.against.mean(0)
    best = truth >= truth.max() - 1e-12
    order = truth[:, None] > truth[None, :] + 1e-12
    beats = joint[:count, None] > joint[None, count:] + 1e-12
    values = []
    for draw in range(draws):
        rows = generator.integers(len(table.own), size=units)
        own, against = table.own[rows], table.against[rows]
        stays = may_be_best(own, seed=draw)
        better = surely_better(own, seed=draw)
        shown = control_p(against[:, :count], against[:, count:], seed=draw) <= 0.05
        old = former_pairs(own) if former else np.zeros_like(better)
        values.append(
            (
                not stays[best].any(),
                stays.sum(),
                (better & ~order).any(),
                better.sum() / (count * (count - 1) / 2),
                (shown & ~beats).any(),
                shown.mean(),
                (old & ~order).any(),
                old.sum() / (count * (count - 1) / 2),
            )
        )
    return Rates(*np.mean(values, axis=0).tolist())


def former_pairs(goodness: np.ndarray) -> np.ndarray:
    """Return which row was called better than which column by Friedman, Wilcoxon and Holm."""
    names = [str(column) for column in range(goodness.shape[1])]
    return ties(names, goodness, goodness.mean(0), lambda i, j: goodness[:, i] - goodness[:, j]).better


def report(tables: Sequence[Table], draws: int) -> pd.DataFrame:
    """Return the rates of each table and number of units."""
    return pd.DataFrame(
        [
            {"table": table.name, "units": units, **vars(rates(table, units, draws))}
            for table in tables
            for units in SIZES
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    tables = [read_table(path) for path in sorted(TABLES.glob("*.parquet"))]
    draws = parser.parse_args().draws
    print(report([*tables, *map(shuffled, tables)], draws).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
