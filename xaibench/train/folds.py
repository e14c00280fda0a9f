"""Cross-validation: how much accuracy and an explainer's scores vary with the training."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch

from xaibench.api.batch import Example, seed_of
from xaibench.api.specs import Dataset
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run
from xaibench.engine.work.observer import Observer
from xaibench.results.results import Results
from xaibench.train.checkpoint import Folder, checkpoint
from xaibench.train.loop import assess, train
from xaibench.train.recipe import Recipe, TrainingObserver
from xaibench.train.samples import Samples, Source, class_names
from xaibench.train.splits import folds_of, split

ACCURACY = "accuracy"


@dataclass(frozen=True, kw_only=True)
class SomeImages(Dataset):
    """Some images of a data set, under another name."""

    of: Dataset
    images: tuple[str, ...] = field(repr=False, default=())

    def load(self) -> Any:
        """Return a function that loads the data set and keeps the examples of these images alone."""
        load, wanted = self.of.load(), set(self.images)

        def some(*root: Path) -> list[Example]:
            return [example for example in load(*root) if example.id in wanted]

        return some


@dataclass(frozen=True)
class Validation:
    """The result of a cross-validation.

    Args:
        table: a row for the accuracy and for each explainer's each metric; a column a fold, their mean,
            the standard deviation over the folds, and the one that the choice of images would give
            alone: what is above it is the training's.
        results: of the explanations; None where none were asked for.
    """

    table: pd.DataFrame
    results: Results | None


def cross_validate(
    recipe: Recipe,
    path: Path,
    source: Source,
    samples: Samples,
    folds: int,
    registry: Registry,
    explainers: Sequence[str] = (),
    metrics: Sequence[str] = (),
    explained: int = 40,
    observer: TrainingObserver | None = None,
    run_observer: Observer | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
) -> Validation:
    """Train on all folds but one, in turn, and test on that one. Each fold has a folder.

    The fold that is tested on has no part in its training: the best epoch is chosen by images held out
    of the others. The same call again goes on where it was stopped.

    Args:
        recipe: of every training.
        path: the folder.
        source: the data set.
        samples: its images.
        folds: how many; each class is spread evenly over them.
        registry: the plugins.
        explainers: to be scored on the images tested on; none: accuracy alone.
        metrics: that score them.
        explained: how many images of each fold are explained, drawn by the recipe's seed.
        observer: is told how the trainings go.
        run_observer: is told how the explaining goes.
        device: the CPU where not given.
        overwrite: begin anew.

    Raises:
        ConfigError: there are too few images for so many folds, or a folder holds another training.
    """
    names = class_names(source.dataset, source.examples)
    kept: list[tuple[str, SomeImages]] = []
    rights: dict[str, torch.Tensor] = {}
    for number, fold in enumerate(folds_of(samples.targets, folds, recipe.seed)):
        called = f"fold-{number}"
        rows = split(samples.targets, recipe.held_out, fold.train)
        classes = source.dataset.classes
        facts = train(recipe, path / called, samples, rows, names, classes, observer, device, overwrite)
        network = checkpoint(str(path / called)).network
        rights[called] = assess(network, samples, fold.held_out)[1]
        share = float(rights[called].float().mean())
        tested = {f"{source.dataset.name} {called}": (share, len(fold.held_out))}
        Folder(path / called).say(msgspec.structs.replace(facts, tested=tested))
        generator = torch.Generator().manual_seed(seed_of(recipe.seed, "explained", number))
        drawn = fold.held_out[torch.randperm(len(fold.held_out), generator=generator)[:explained]]
        images = tuple(samples.examples[row].id for row in drawn.tolist())
        data = f"{source.dataset.name} {called}"
        some = SomeImages(**{**facts_of(source.dataset), "name": data}, of=source.dataset, images=images)
        kept.append((str(path / called), some))
    lines = {(ACCURACY, ""): {name: right.float() for name, right in rights.items()}}
    if not explainers:
        return Validation(table_of(lines), None)
    results = run(
        explaining(recipe, kept, explainers, metrics),
        path / "explanations",
        overwrite,
        run_observer,
        replace(registry, datasets={**registry.datasets, **{some.name: some for _, some in kept}}),
    )
    return Validation(table_of(lines | lines_of(results)), results)


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """Return the fields of a data set's specification."""
    return {name: getattr(dataset, name) for name in ("at", "summary", "settings", "classes", "folder")}


def explaining(
    recipe: Recipe,
    kept: Sequence[tuple[str, Dataset]],
    explainers: Sequence[str],
    metrics: Sequence[str],
) -> Config:
    """Return the settings of the run that explains each fold's network on its held-out images."""
    _, colon, root = recipe.data.partition(":")
    return Config(
        grid=tuple(
            Grid(models=(f"checkpoint:{path}",), data=(f"{some.name}{colon}{root}",))
            for path, some in kept
        ),
        explainers=tuple(explainers),
        metrics=tuple(metrics),
        seed=recipe.seed,
        gallery=0,
    )


def lines_of(results: Results) -> dict[tuple[str, str], dict[str, torch.Tensor]]:
    """Return the scores of each explainer and metric by fold, without undefined ones."""
    scored = results.scores[results.scores["status"] == "ok"]
    by_fold: dict[tuple[str, str], dict[str, torch.Tensor]] = {}
    for (explainer, metric, model), group in scored.groupby(
        ["explainer", "metric", "model"], sort=False
    ):
        each = group.groupby("image")["score"].mean()  # an image with several classes counts once
        name = str(model).rpartition(":")[2]
        by_fold.setdefault((str(explainer), str(metric)), {})[name] = torch.tensor(each.to_numpy())
    return by_fold


def table_of(lines: dict[tuple[str, str], dict[str, torch.Tensor]]) -> pd.DataFrame:
    """Return a row for each explainer and metric: the folds' means, and spreads of folds and images."""
    records = {}
    for key, folds in lines.items():
        means = {name: float(scores.mean()) for name, scores in folds.items()}
        each = torch.tensor(list(means.values()), dtype=torch.double)
        chance = [float(scores.double().var()) / len(scores) for scores in folds.values()]
        records[key] = {
            **means,
            "mean": float(each.mean()),
            "sd": float(each.std()) if len(each) > 1 else float("nan"),
            "sd of images": float(torch.tensor(chance).mean().sqrt()),
        }
    table = pd.DataFrame.from_dict(records, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(records), names=["explainer", "metric"])
    return table
