"""Several networks trained alike over several seeds, and compared on images that none has seen."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch

from xaibench.api.errors import ConfigError
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run
from xaibench.engine.work.observer import Observer
from xaibench.results.results import Results
from xaibench.train.checkpoint import Facts, Folder, checkpoint, read_facts
from xaibench.train.loop import assess, train
from xaibench.train.recipe import Recipe, TrainingObserver
from xaibench.train.samples import Samples, class_names, samples_of, source_of
from xaibench.train.splits import Split, split
from xaibench.train.trainings_compared import differences_of, means_of

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Design:
    """The networks, seeds and metrics that a study compares.

    Args:
        arms: architectures by label.
        baseline: label of the arm that others are compared with.
        recipe: of every training, but for architecture, seed and what an arm has of its own.
        seeds: how many trainings of each arm.
        explainers: scored on every arm.
        metrics: that score them.
        main: the explainer whose scores are compared between arms.
        images: how many are explained.
        own: settings of single arms' recipes.
        once: arms that are trained with the first seed alone.
    """

    arms: Mapping[str, str]
    baseline: str
    recipe: Recipe
    seeds: int
    explainers: tuple[str, ...]
    metrics: tuple[str, ...]
    main: str
    images: int
    own: Mapping[str, Mapping[str, Any]]
    once: tuple[str, ...] = ()

    def trainings(self) -> list[tuple[str, int]]:
        """Every arm and seed, in the order of seeds."""
        return [
            (arm, seed)
            for seed in range(self.seeds)
            for arm in self.arms
            if seed == 0 or arm not in self.once
        ]

    def recipe_of(self, arm: str, seed: int) -> Recipe:
        """Return the recipe of one training."""
        own = {"architecture": self.arms[arm], "seed": seed, **self.own.get(arm, {})}
        return msgspec.structs.replace(self.recipe, **own)


@dataclass(frozen=True)
class Findings:
    """The result of a study.

    Args:
        scores: tidy: a row an arm, seed, image, explainer and metric; accuracy's explainer is "".
        means: of every arm, explainer and metric, with intervals.
        differences: of every arm from the baseline, paired by seed and image, with intervals, and the
            means of both over what is paired.
        trainings: a row a training: held-out and tested accuracy, best epoch, seconds.
        results: of the run that explained.
    """

    scores: pd.DataFrame
    means: pd.DataFrame
    differences: pd.DataFrame
    trainings: pd.DataFrame
    results: Results


def carry_out(
    design: Design,
    path: Path,
    registry: Registry,
    workers: int = 1,
    observer: TrainingObserver | None = None,
    run_observer: Observer | None = None,
) -> Findings:
    """Train all networks, explain them and compare them. The same call resumes a stopped study.

    Args:
        design: what is compared.
        path: the folder: a training a folder in it, the explanations, and the frames as CSV.
        registry: the plugins.
        workers: trainings at a time, each in a process of its own with one thread.
        observer: is told how the trainings go.
        run_observer: is told how the explaining goes.

    Raises:
        ConfigError: the data set has no images besides those that are trained on, or the folder holds
            another study.
    """
    observer = observer or TrainingObserver()
    source = source_of(design.recipe, registry)
    if source.unseen is None:
        raise ConfigError("a study needs a data set that is drawn by a seed, so as to test on others")
    names = class_names(source.dataset, source.examples)
    wanted = design.trainings()
    missing = [pair for pair in wanted if not finished(path / folder_of(*pair))]
    if missing:
        samples = samples_of(source.examples, design.recipe.size, observer)
        rows = split(samples.targets, design.recipe.held_out)
        jobs = [(design.recipe_of(*pair), path / folder_of(*pair)) for pair in missing]
        jobs.sort(key=lambda job: -job[0].epochs)  # the longest first, so that none is left at the end
        train_all(jobs, samples, rows, names, source.dataset.classes, workers, observer)
    tested = samples_of(source.unseen, design.recipe.size)
    frames, trainings = [], []
    for arm, seed in wanted:
        folder = path / folder_of(arm, seed)
        facts = read_facts(folder)
        if facts.recipe != design.recipe_of(arm, seed):
            raise ConfigError(f"{folder} holds a training with other settings; choose another --output")
        right = assess(checkpoint(str(folder)).network, tested, torch.arange(len(tested.targets)))[1]
        share = {source.dataset.name: (float(right.float().mean()), len(right))}
        Folder(folder).say(msgspec.structs.replace(facts, tested=share))
        frames.append(accuracy_rows(arm, seed, tested, right))
        trainings.append(training_row(arm, seed, facts, float(right.float().mean())))
    config = Config(
        grid=(
            Grid(
                models=tuple(f"checkpoint:{path / folder_of(*pair)}" for pair in wanted),
                data=(design.recipe.data,),
                limit=design.images,
            ),
        ),
        explainers=design.explainers,
        metrics=design.metrics,
        gallery=0,
    )
    folder = path / config.name().replace("run", "explanations")
    results = run(config, folder, observer=run_observer, registry=registry)
    scores = pd.concat([*frames, explained_rows(results, wanted)], ignore_index=True)
    findings = Findings(
        scores=scores,
        means=means_of(scores),
        differences=differences_of(scores, design.baseline, (design.main, "")),
        trainings=pd.DataFrame(trainings),
        results=results,
    )
    for name in ("scores", "means", "differences", "trainings"):
        getattr(findings, name).to_csv(path / f"{name}.csv", index=False)
    return findings


def folder_of(arm: str, seed: int) -> str:
    """Return the name of a training's folder."""
    return f"{arm}-{seed}"


def finished(folder: Path) -> bool:
    """Return whether a training exists and is complete."""
    return folder.is_dir() and (folder / "checkpoint.json").exists() and read_facts(folder).complete


def train_all(
    jobs: Sequence[tuple[Recipe, Path]],
    samples: Samples,
    rows: Split,
    names: tuple[str, ...],
    label_space: str,
    workers: int,
    observer: TrainingObserver,
) -> None:
    """Train each network with one thread, so that numbers do not depend on how many run at a time."""
    if workers == 1 or samples.pixels is None:
        for recipe, folder in jobs:
            with one_thread():
                train(recipe, folder, samples, rows, names, label_space, observer)
        return
    shared = replace(samples, examples=())  # the pixels are enough, and functions need not be sent
    shared_pixels = samples.pixels.share_memory_()
    context = torch.multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        running = {
            pool.submit(
                train_one, job, replace(shared, pixels=shared_pixels), rows, names, label_space
            ): job
            for job in jobs
        }
        for done in as_completed(running):
            recipe, folder = running[done]
            facts = done.result()
            observer.began(folder.name, recipe.epochs, facts.images[0], 0)
            observer.epoch(facts.history[facts.best - 1])


def train_one(
    job: tuple[Recipe, Path], samples: Samples, rows: Split, names: tuple[str, ...], label_space: str
) -> Facts:
    """Carry out one training in a process of its own."""
    with one_thread():
        return train(*job, samples, rows, names, label_space)


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread inside the context, and restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def accuracy_rows(arm: str, seed: int, tested: Samples, right: torch.Tensor) -> pd.DataFrame:
    """Return a score of 1 for each image classified correctly, and 0 for the others."""
    images = [example.id for example in tested.examples]
    frame = pd.DataFrame({"image": images, "score": right.double().numpy()})
    return frame.assign(arm=arm, seed=seed, explainer="", metric=ACCURACY, higher_is_better=True)


def explained_rows(results: Results, wanted: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """Return the run's scores by arm and seed; undefined scores are NaN."""
    arms = {f"checkpoint:{folder_of(*pair)}": pair for pair in wanted}
    scores = results.scores[results.scores["status"].isin(["ok", "undefined"])]
    columns = ["image", "score", "explainer", "metric", "higher_is_better"]
    return scores[columns].assign(
        arm=scores["model"].map({name: arm for name, (arm, _) in arms.items()}),
        seed=scores["model"].map({name: seed for name, (_, seed) in arms.items()}),
    )


def training_row(arm: str, seed: int, facts: Facts, tested: float) -> dict[str, object]:
    """Return one training as a row."""
    return {
        "arm": arm,
        "architecture": facts.recipe.architecture,
        "seed": seed,
        "epochs": len(facts.history),
        "best epoch": facts.best,
        "held out": facts.accuracy,
        "tested": tested,
        "seconds": sum(epoch.seconds for epoch in facts.history),
    }
