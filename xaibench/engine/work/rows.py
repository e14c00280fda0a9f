"""From what a shard came to, to its rows and to the maps that the gallery shows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.api.specs import Explainer, Metric
from xaibench.engine.evaluate.outcome import Evaluation, Outcome
from xaibench.engine.images.pictures import Picture
from xaibench.engine.images.trials import Trial
from xaibench.engine.work.cells import RequestedCells
from xaibench.results.folder import slug
from xaibench.results.kept import GalleryImage, KeptMap
from xaibench.results.keys import content_key, identity
from xaibench.results.rows import SHARED_PASS, Row


@dataclass(frozen=True)
class Provenance:
    """What all rows of a block have in common."""

    run: str
    model: str
    dataset: str
    device: str
    seed: int
    weights_sha: str = ""
    preprocess_sha: str = ""
    layer: str = ""
    layout: str = ""
    grid: str = ""
    dtype: str = "float32"
    mode: str = ""

    def cell(self, explainer: Explainer, metric: Metric) -> str:
        """The content key of a cell: what its rows mean, whatever the images.

        The images' own content is in `Row.inputs_sha`, so that more images add rows to the same cell.
        """
        return self._key(identity(explainer), identity(metric))

    def of_maps(self, explainer: Explainer) -> str:
        """The content key of an explainer's maps, whatever the images and the metrics."""
        return self._key("maps", identity(explainer))

    @property
    def shared_cell(self) -> str:
        """The content key of the rows that hold the shared pass's time."""
        return self._key(SHARED_PASS)

    def _key(self, *of_method: object) -> str:
        of_model = self.model, self.weights_sha, self.preprocess_sha, self.layer, self.layout
        return content_key(*of_model, self.dataset, self.dtype, self.mode, self.seed, *of_method)

    @property
    def block(self) -> str:
        """The name of the block in file names."""
        return f"{self.model}--{self.dataset}"

    def row(self, explainer: Explainer, metric: Metric, **facts: Any) -> Row:
        """A row of the cell of `explainer` and `metric`."""
        return Row(
            run=self.run,
            cell=self.cell(explainer, metric),
            model=self.model,
            explainer=explainer.name,
            dataset=self.dataset,
            metric=metric.name,
            weights_sha=self.weights_sha,
            layer=self.layer,
            layout=self.layout,
            grid=self.grid,
            explainer_version=explainer.version,
            explainer_params=json.dumps(dict(explainer.settings)),
            explainer_note=explainer.note,
            target_policy=metric.target,
            metric_version=metric.version,
            metric_params=json.dumps(dict(metric.settings)),
            higher_is_better=metric.higher_is_better,
            ranks=metric.ranks,
            aggregate=metric.aggregate,
            dtype=self.dtype,
            mode=self.mode,
            device=self.device,
            seed=self.seed,
            **facts,
        )

    def nowhere(self, wanted: RequestedCells, status: str, reason: str) -> list[Row]:
        """A row for each cell of a block of which no image could be worked on."""
        return [
            self.row(explainer, metric, status=status, reason=reason)
            for explainer, metric in product(wanted.explainers, wanted.metrics)
        ]

    def lost(self, wanted: RequestedCells, picture: Picture, reason: str) -> list[Row]:
        """A row for each cell and class of an image that cannot be read or worked on."""
        return [
            self.row(
                explainer,
                metric,
                status="failed",
                reason=reason,
                image=picture.id,
                inputs_sha=picture.inputs_sha,
                target=example.target,
            )
            for explainer, metric in product(wanted.explainers, wanted.metrics)
            if (explainer.name, metric.name) in wanted.pairs
            for example in (picture.examples if metric.target == "label" else picture.examples[:1])
        ]

    def shared(self, picture: Picture, ms: float, forwards: float, backwards: float) -> Row:
        """The row that holds the time of an image's shared pass."""
        return Row(
            run=self.run,
            cell=self.shared_cell,
            status="ok",
            model=self.model,
            explainer=SHARED_PASS,
            dataset=self.dataset,
            metric="",
            weights_sha=self.weights_sha,
            layer=self.layer,
            layout=self.layout,
            grid=self.grid,
            image=picture.id,
            image_sha=picture.sha,
            inputs_sha=picture.inputs_sha,
            explain_ms=ms,
            explain_forwards=forwards,
            explain_backwards=backwards,
            dtype=self.dtype,
            mode=self.mode,
            device=self.device,
            seed=self.seed,
        )


@dataclass(frozen=True)
class ShardTrials:
    """The trials of a shard and what the network says of their images, (T,) each."""

    pictures: Sequence[Picture]
    trials: Sequence[Trial]
    predicted: Sequence[int]
    probability: Sequence[float]


def rows_of(
    evaluation: Evaluation,
    trials: ShardTrials,
    explainers: Sequence[Explainer],
    metrics: Sequence[Metric],
    provenance: Provenance,
) -> list[Row]:
    """One row a trial, explainer and metric that was asked about that trial."""
    rows = []
    for explainer, metric in product(explainers, metrics):
        outcome = evaluation.scored.get((explainer.name, metric.name))
        if outcome is None:
            continue
        explained = evaluation.explained[explainer.name]
        for place, i in enumerate(outcome.rows):
            status, reason = outcome.odd.get(place, (outcome.status, outcome.reason))
            if status == "ok":
                remarks = explained.outcome.remarks.get(i), outcome.remarks.get(place)
                reason = "; ".join(remark for remark in remarks if remark)
            picture = trials.pictures[trials.trials[i].picture]
            rows.append(
                provenance.row(
                    explainer,
                    metric,
                    status=status,
                    reason=reason,
                    image=picture.id,
                    image_sha=picture.sha,
                    inputs_sha=picture.inputs_sha,
                    target=trials.trials[i].target,
                    predicted=trials.predicted[i],
                    probability=trials.probability[i],
                    score=_score(outcome, place) if status == "ok" else float("nan"),
                    curve=_curve(outcome, place) if status == "ok" else (),
                    degenerate=explained.degenerate is not None and bool(explained.degenerate[i]),
                    maps=explained.precision,
                    explain_ms=explained.outcome.ms,
                    explain_forwards=explained.outcome.forwards,
                    explain_backwards=explained.outcome.backwards,
                    metric_ms=outcome.ms,
                    metric_forwards=outcome.forwards,
                    metric_backwards=outcome.backwards,
                )
            )
    return rows


def _score(outcome: Outcome, place: int) -> float:
    return float("nan") if outcome.values is None else float(outcome.values[place])


def _curve(outcome: Outcome, place: int) -> tuple[float, ...]:
    return tuple(outcome.curves[place].tolist()) if place in outcome.curves else ()


def shown_of(
    evaluation: Evaluation,
    shard_trials: ShardTrials,
    batch: Batch,
    classifier: Classifier,
    provenance: Provenance,
    pictures: Sequence[int],
) -> dict[str, GalleryImage]:
    """The maps of some pictures for the gallery, by file name, of their first annotated class if any."""
    files = {}
    for picture in pictures:
        trials = [i for i, trial in enumerate(shard_trials.trials) if trial.picture == picture]
        i = min(trials, key=lambda i: not shard_trials.trials[i].region.known)
        shown = {name: e.maps[i] for name, e in evaluation.explained.items() if e.maps is not None}
        if not shown or batch.preprocess is None:
            continue
        kept = KeptMap(
            model=provenance.model,
            dataset=provenance.dataset,
            image=batch.ids[i],
            target=classifier.class_name(shard_trials.trials[i].target),
            predicted=classifier.class_name(shard_trials.predicted[i]),
            boxes=batch.regions[i].seen_boxes(batch.images.shape[2:]),
            explainers=tuple(shown),
            target_index=shard_trials.trials[i].target,
        )
        colours = batch.preprocess.colours(batch.images[i]).permute(1, 2, 0) * 255
        picture_shown = np.ascontiguousarray(colours.round().to(torch.uint8).cpu().numpy())
        maps = torch.stack(list(shown.values())).half().cpu().numpy()
        name = f"{slug(provenance.block)}.{slug(batch.ids[i])}.safetensors"
        files[name] = GalleryImage(kept, picture_shown, maps)
    return files
