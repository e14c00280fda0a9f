"""Choosing a modifier's settings on images that the evaluation does not show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

import pandas as pd

from xaibench.api.errors import ConfigError
from xaibench.api.specs import Dataset, Explainer, Metric, Settings, modified
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run
from xaibench.engine.work.observer import Observer

CRITERION = "criterion"


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration.

    Args:
        table: a row a candidate, the best first, and one without the modifier (no settings): the mean
            of each metric, and the criterion: their sum, those where lower is better counted
            negative, averaged over the explainers; its gain, image by image, over none.
        images: what it was measured on.
        chosen: the settings of the best candidate.
        config: runs the explainers, with the modifier so set and without, on the data set itself.
    """

    table: pd.DataFrame
    images: str
    chosen: Settings
    config: Config

    def toml(self) -> str:
        """Return the configuration as TOML, below comments with the table of all candidates."""
        title = f"Settings chosen by the highest criterion on {self.images}:"
        lines = [title, *self.table.round(4).to_string().splitlines()]
        return "".join(f"# {line}\n" for line in lines) + self.config.toml()


def calibrate(
    registry: Registry,
    modifier: str,
    candidates: Sequence[Settings],
    explainers: Sequence[str],
    model: str,
    data: str,
    metrics: Sequence[str],
    seed: int,
    limit: int | None,
    observer: Observer | None = None,
) -> Calibration:
    """Score every candidate on a data set drawn by another seed, and take the best; the first of equals.

    The images are other than those the data set has by default, which a run evaluates: the data set's
    function must draw by a seed, and this must not be its own. What is measured stands in
    `results/calibration-...`, and the same call goes on there where it was stopped.

    Args:
        registry: the plugins.
        modifier: whose settings are chosen.
        candidates: the settings to try, each laid over the modifier's own.
        explainers: what it modifies.
        model: by name.
        data: a data set, by name.
        metrics: whose sum is the criterion.
        seed: of the data set.
        limit: how many examples.
        observer: is told how it goes.

    Raises:
        ConfigError: the data set has no seed or this is its own, or a candidate could not be scored.
        UnknownName: a name that no plugin offers.
    """
    dataset = drawn_anew(registry.dataset(data), seed)
    bases = [registry.explainer(name) for name in explainers]
    tried: dict[str, tuple[int | None, Explainer]] = {base.name: (None, base) for base in bases}
    for i, settings in enumerate(candidates):
        plain = registry.modifier(modifier)
        changed = replace(plain, settings={**plain.settings, **settings})
        for base in bases:
            name = f"{base.name}+{modifier} {described(settings)}"
            tried[name] = (i, replace(modified(base, changed), name=name))
    others = replace(
        registry,
        explainers={name: spec for name, (_, spec) in tried.items()},
        datasets={dataset.name: dataset},
    )
    grid = Grid(models=(model,), data=(dataset.name,), limit=limit)
    config = Config(grid=(grid,), explainers=tuple(tried), metrics=tuple(metrics), gallery=0)
    folder = Path("results") / config.name().replace("run", "calibration")
    scores = run(config, folder, observer=observer, registry=others).scores
    wrong = scores[scores["status"] != "ok"]
    if len(wrong):
        first = wrong.iloc[0]
        raise ConfigError(f"{first['explainer']} cannot be calibrated: {first['reason']}")
    turn = scores["explainer"].map({name: -1 if i is None else i for name, (i, _) in tried.items()})
    table = criterion(scores, turn, [registry.metric(name) for name in metrics])
    criteria = table[CRITERION].drop(index=-1).tolist()
    best = criteria.index(max(criteria))  # the first of equals
    names = {-1: f"without {modifier}"} | {i: described(s) for i, s in enumerate(candidates)}
    shown = table.sort_values(CRITERION, ascending=False, kind="stable").rename(index=names)
    both = [name for base in explainers for name in (base, f"{base}+{modifier}")]
    chosen = Config(
        grid=(Grid(models=(model,), data=(data,)),),
        explainers=tuple(both),
        metrics=tuple(metrics),
        settings={modifier: dict(candidates[best])},
    )
    images = f"{scores['image'].nunique()} images of {dataset.name}, {model}"
    return Calibration(shown, images, candidates[best], chosen)


def drawn_anew(dataset: Dataset, seed: int) -> Dataset:
    """Return the data set drawn with another seed than its own.

    Raises:
        ConfigError: it has no seed, or this is its own.
    """
    own = signature(dataset.load()).parameters.get("seed")
    if own is None:
        raise ConfigError(
            f"data set {dataset.name!r} draws nothing by a seed, so it has no images besides those "
            "that a run evaluates; calibrate on one that does"
        )
    if own.default == seed:
        raise ConfigError(f"seed {seed} is that of data set {dataset.name!r} in every run; give another")
    settings = {**dataset.settings, "seed": seed}
    return replace(dataset, name=f"{dataset.name} drawn by {seed}", settings=settings)


def criterion(scores: pd.DataFrame, turn: "pd.Series[int]", metrics: Sequence[Metric]) -> pd.DataFrame:
    """Return the mean over the images of each metric and of the criterion, by candidate.

    "gain" is the criterion's mean difference to that without the modifier (candidate -1), image by
    image, and "± gain" half its 95 % interval; NaN where there is one image.
    """
    kind = turn.rename("candidate")
    each = scores.pivot_table(values="score", index=[kind, "image"], columns="metric")
    signs = {metric.name: 1 if metric.higher_is_better else -1 for metric in metrics}
    each[CRITERION] = sum(sign * each[name] for name, sign in signs.items())
    table = each.groupby("candidate").mean()
    images = each[CRITERION].unstack("image")
    gains = images - images.loc[-1]  # paired: the same images
    table["gain"] = gains.mean(axis=1)
    table["± gain"] = 1.96 * gains.std(axis=1) / gains.shape[1] ** 0.5
    return table


def described(settings: Settings) -> str:
    """Return settings on one line."""
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
