"""Write into docs/conceptors.md where conceptors help and where they hurt, from the rows of a run.

    xaibench run --config docs/conceptors.toml --output results/conceptors
    PYTHONPATH=benchmarks:plugins:. python docs/make_conceptors_table.py results/conceptors

Every explainer under a modifier is held against the same without it, on the same images and classes.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from marked_blocks import put, table

from xaibench.results.intervals import interval
from xaibench.results.results import Results

PAGE = Path(__file__).with_name("conceptors.md")
BLOCK = "where conceptors help"
BASES = {"conceptor-cam": "hirescam"}  # whose map it is learned from
HELPED, HURT, UNDECIDED = "helped", "hurt", "undecided"
LEAST = 5e-7  # a smaller difference is rounding: a change of contrast moves no pixel's rank


@dataclass(frozen=True)
class Difference:
    """A metric of an explainer with a modifier less that without, paired by trial.

    Args:
        mean, low, high: with its 95 % bootstrap interval over images; NaN for a single image.
        higher_is_better: the metric's direction.
        images: how many.
    """

    mean: float
    low: float
    high: float
    higher_is_better: bool
    images: int

    @property
    def verdict(self) -> str:
        """Whether the interval lies on one side of 0."""
        if self.low > LEAST:
            return HELPED if self.higher_is_better else HURT
        if self.high < -LEAST:
            return HURT if self.higher_is_better else HELPED
        return UNDECIDED

    def __str__(self) -> str:
        """The mean and its interval; bold where it is decided."""
        text = f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        return text if self.verdict == UNDECIDED else f"**{text}** {self.verdict}"


def base_of(explainer: str, known: set[str]) -> str:
    """Return the explainer without its last modifier; "" where that was not run, or it has none."""
    base = BASES.get(explainer, explainer.rpartition("+")[0])
    return base if base in known else ""


def difference(rows: pd.DataFrame, base: str, explainer: str) -> Difference | None:
    """Return the difference in one metric on one model and data set; None without common trials."""
    scored = rows[rows["status"] == "ok"]
    pairs = scored.pivot(index=["image", "target"], columns="explainer", values="score")
    if not {base, explainer} <= set(pairs.columns):
        return None
    paired = (pairs[explainer] - pairs[base]).dropna()
    if paired.empty:
        return None
    images = paired.index.get_level_values("image").to_series()
    low, high = interval(paired.reset_index(drop=True), images)
    higher = bool(rows["higher_is_better"].iloc[0])
    return Difference(float(paired.mean()), low, high, higher, images.nunique())


def blocks(results: Results) -> Iterator[tuple[str, dict[str, dict[str, Difference]]]]:
    """Yield, for each model and data set, the differences by explainer and metric."""
    for (model, data), rows in results.scores.groupby(["model", "dataset"], sort=False):
        names = list(dict.fromkeys(rows["explainer"]))
        pairs = {name: base for name in names if (base := base_of(name, set(names)))}
        differences_by_name: dict[str, dict[str, Difference]] = {name: {} for name in pairs}
        for metric, some in rows.groupby("metric", sort=False):
            for name, base in pairs.items():
                one = difference(some, base, name)
                if one is not None:
                    differences_by_name[name][str(metric)] = one
        yield f"{model} on {data}", differences_by_name


def page(results: Results) -> str:
    """Return a table for each model and data set, and how often each modifier helped and hurt."""
    parts, counts = [], Counter[tuple[str, str, str]]()
    arrows = results.scores.drop_duplicates("metric").set_index("metric")["higher_is_better"]
    metrics = [str(metric) for metric in arrows.index]
    heads = [f"{metric} {'↑' if arrows[metric] else '↓'}" for metric in metrics]
    for title, by_name in blocks(results):
        rows = []
        for name, differences in by_name.items():
            cells = [str(differences[metric]) if metric in differences else "-" for metric in metrics]
            images = max((one.images for one in differences.values()), default=0)
            rows.append([f"{name} ({images})", *cells])
            for metric, one in differences.items():
                counts[modifier_of(name), metric, one.verdict] += 1
        parts.append(f"{title}\n\n" + table(["explainer (images)", *heads], rows))
    modifiers = list(dict.fromkeys(modifier for modifier, _, _ in counts))
    summary = [
        [m, *("/".join(str(counts[m, k, v]) for v in (HELPED, UNDECIDED, HURT)) for k in metrics)]
        for m in modifiers
    ]
    total = "Helped/undecided/hurt, over models, data sets and explainers\n\n"
    return "\n\n".join([total + table(["", *heads], summary), *parts])


def modifier_of(explainer: str) -> str:
    """Return the last modifier; an explainer with a base of its own goes by its name."""
    return explainer if explainer in BASES else f"+{explainer.rpartition('+')[2]}"


def main() -> None:
    """Read the results and write the block."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    put(given.page, BLOCK, page(Results.load(given.results)))


if __name__ == "__main__":
    main()
