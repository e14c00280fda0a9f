"""One model on one data set, shard by shard, each shard written before the next is begun."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from xaibench.api.batch import Example, Preprocess
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError, XaibenchError
from xaibench.api.explaining import Cost
from xaibench.api.specs import Explainer
from xaibench.engine.config import Config
from xaibench.engine.explaining import Again, explain
from xaibench.engine.label_spaces import asked_of, refuse_classes_beyond, refuse_other_classes
from xaibench.engine.loading import Shelf, ahead, on_device
from xaibench.engine.observer import Observer, Tally
from xaibench.engine.outcome import Evaluation, Explained, Outcome, status_of
from xaibench.engine.plan import Block, Plan, content_key, identity
from xaibench.engine.prepared import PreparedNetwork, prepare_network
from xaibench.engine.record import Asked, Provenance, keep_maps, rows_of
from xaibench.engine.scoring import score
from xaibench.engine.stream import Stream, best_width
from xaibench.engine.subset import Subset, merged, subset_of, written
from xaibench.engine.trials import Picture, batch_of, group, settled, trials_of
from xaibench.results.folder import RunFolder
from xaibench.results.rows import Row


@dataclass(frozen=True)
class Prepared:
    """A model on a data set, loaded."""

    examples: Sequence[Example]
    classifier: Classifier
    preprocess: Preprocess
    provenance: Provenance
    network: PreparedNetwork
    width: int


@dataclass(frozen=True)
class Blocks:
    """Works on the blocks of a plan and writes their rows."""

    plan: Plan
    config: Config
    folder: RunFolder
    device: torch.device
    observer: Observer
    tally: Tally
    shelf: Shelf = field(default_factory=Shelf)
    subsets: dict[str, Subset] = field(default_factory=dict)

    def work(self, block: Block) -> None:
        """All of one block; what cannot be loaded becomes rows, and the other blocks still run."""
        title = f"{block.model.name} on {block.data_name}"
        self.observer.block(title, 0)
        provenance = Provenance(
            self.folder.path.name, block.model.name, block.data_name, str(self.device), self.config.seed
        )
        try:
            refuse_other_classes(block)
            with self.tally.timed("load"):
                prepared = self.prepare(block, provenance)
        except Exception as error:  # a plugin's, or the machine's
            status, reason = status_of(error)
            self.observer.note(f"{title}: {status}: {reason}")
            shards = [self.folder.shard(provenance.block, status)]
            rows = provenance.nowhere(self.plan.explainers, self.plan.metrics, status, reason)
            self.folder.write(shards[0], rows)
            self.observer.failed(sum(row.status == "failed" for row in rows))
        else:
            images = group(prepared.examples)
            self.observer.block(title, len(images))
            size = self.config.shard
            parts = [images[first : first + size] for first in range(0, len(images), size)]
            shards, hashes = [], dict[str, str]()
            for number, pictures in enumerate(self.pictures(block, parts, prepared.preprocess)):
                hashes |= {picture.id: picture.sha for picture in pictures}
                shards.append(self.shard(pictures, prepared, self.config.gallery - number * size))
            self.keep_subset(block, prepared.examples, hashes | block.choice.hashes)
        self.folder.forget_others(provenance.block, shards)
        self.tally.shards += [shard.name for shard in shards]

    def pictures(
        self, block: Block, parts: Sequence[Sequence[tuple[Example, ...]]], preprocess: Preprocess
    ) -> Iterator[list[Picture]]:
        """The pictures of each shard; the time counted is what the device waits for them."""
        data = block.data_name, block.root
        after = list(self.plan.blocks)[self.plan.blocks.index(block) + 1 :]
        shared = any((later.data_name, later.root) == data for later in after)
        hashes = block.choice.hashes

        def make(same: tuple[Example, ...]) -> Picture:
            return self.shelf.decode(data, same, preprocess, hashes.get(same[0].id), keep=shared)

        coming = ahead(parts, make)
        for _ in parts:
            self.observer.stage("decoding")
            with self.tally.timed("decode"):
                pictures = next(coming)
            yield pictures
            del pictures  # before the next are asked for
        if not shared:
            self.shelf.forget(data)

    def keep_subset(self, block: Block, examples: Sequence[Example], hashes: dict[str, str]) -> None:
        """Write which images of the data set were run, by this model or an earlier one."""
        ours = subset_of(block.data_name, examples, hashes, str(block.choice))
        self.subsets[ours.data] = merged(self.subsets.get(ours.data, ours), ours)
        self.folder.write_subset(ours.data, written(self.subsets[ours.data]))

    def prepare(self, block: Block, provenance: Provenance) -> Prepared:
        """Load data and model, put the model on the device, and measure its best pass width.

        Raises:
            PluginError: the model's function returned no Classifier, or one without preprocessing.
        """
        self.observer.stage("loading")
        examples = block.examples()
        classifier = block.model.load()()
        if not isinstance(classifier, Classifier) or classifier.preprocess is None:
            raise PluginError(
                f"model {block.model.name!r} returned {type(classifier).__name__}; expected a "
                "Classifier with its preprocess"
            )
        refuse_other_classes(block, classifier.label_space)
        classifier.network.to(self.device)
        noise = torch.zeros(1, 3, *classifier.preprocess.size, device=self.device)
        self.observer.stage("preparing the network")
        network = prepare_network(classifier, noise)
        if network.why_plain:
            self.observer.note(f"{block.model.name} runs unprepared: {network.why_plain}")
        self.observer.stage("measuring the best pass width")
        width = self.config.width or best_width(network.forward, noise)
        self.observer.width(width)
        tried = SharedPass(classifier, noise)
        refuse_classes_beyond(tried.logits.shape[1], examples, block)
        (output,) = tried.outputs[-1:]
        cells = classifier.target_layer.to_grid(output).shape[2:]
        found = replace(
            provenance,
            weights_sha=classifier.weights_sha(),
            layer=classifier.target_layer.name,
            layout=classifier.target_layer.layout,
            grid=f"{cells[0]}x{cells[1]}",
            subset_sha=content_key([(example.id, *asked_of(example)) for example in examples]),
        )
        self.tally.models[block.model.name] = {
            "weights_sha256": found.weights_sha,
            "layer": found.layer,
            "layout": found.layout,
            "grid": found.grid,
            "provides": sorted(classifier.provides),
            "preprocess": asdict(classifier.preprocess),
            "pass_width": width,
            "batch_norms_folded": network.folded,
            "largest_probability_difference": network.error,
            "largest_layer_difference": network.layer_error,
            "why_plain": network.why_plain,
        }
        self.tally.data[block.data_name] = {
            "examples": len(examples),
            "images": len({example.id for example in examples}),
            "subset_sha": found.subset_sha,
            "chosen": str(block.choice),
        }
        return Prepared(examples, classifier, classifier.preprocess, found, network, width)

    def shard(self, pictures: Sequence[Picture], prepared: Prepared, keep: int) -> Path:
        """Some images, unless their shard is there already; the shard's file.

        Args:
            pictures: the images.
            prepared: the model and what all rows have in common.
            keep: of how many of the images the maps are kept.
        """
        provenance = prepared.provenance
        shard = self.folder.shard(provenance.block, self.key(prepared, pictures))
        if shard.exists():
            self.observer.done(len(pictures), resumed=True)
            return shard
        explainers, metrics = self.plan.explainers, self.plan.metrics
        rows: list[Row] = []
        for picture in pictures:
            if picture.error is not None:
                self.observer.note(str(picture.error))
                rows += provenance.lost(explainers, metrics, picture, status_of(picture.error)[1])
        readable = [picture for picture in pictures if picture.pixels is not None]
        try:
            rows += self.evaluate(readable, prepared, keep) if readable else []
        except Exception as error:  # the network's own, or the machine's: these images are tried again
            _, reason = status_of(error)
            self.observer.note(f"{provenance.block}: {len(readable)} images lost: {reason}")
            for picture in readable:
                rows += provenance.lost(explainers, metrics, picture, reason)
            shard = self.folder.shard(provenance.block, content_key("lost", shard.name))
        with self.tally.timed("write"):
            self.folder.write(shard, rows)
        self.observer.failed(sum(row.status == "failed" for row in rows))
        self.observer.done(len(pictures), resumed=False)
        return shard

    def key(self, prepared: Prepared, pictures: Sequence[Picture]) -> str:
        """What the shard's rows depend on: weights, layer, methods, images; no path and no time."""
        return content_key(
            asdict(prepared.provenance) | {"run": ""},
            asdict(prepared.preprocess),
            [(p.id, p.sha, [*map(asked_of, p.examples)]) for p in pictures],
            [region.sha for picture in pictures for region in picture.regions],
            [identity(explainer) for explainer in self.plan.explainers],
            [identity(metric) for metric in self.plan.metrics],
        )

    def again(self, explained: Mapping[str, Explained], prepared: Prepared) -> dict[str, Again]:
        """The explainers, for metrics that ask them again."""
        plain, sooner = prepared.classifier, prepared.network.classifier
        return {
            spec.name: Again(
                spec, plain, prepared.width, costs(explained[spec.name].outcome), prepared=sooner
            )
            for spec in self.plan.explainers
        }

    def evaluate(self, pictures: Sequence[Picture], prepared: Prepared, keep: int) -> list[Row]:
        """The rows of some readable images: shared pass, explainers, metrics."""
        classifier, provenance, tally = prepared.classifier, prepared.provenance, self.tally
        images = on_device([p.pixels for p in pictures if p.pixels is not None], self.device)
        before = tally.seconds["shared pass"]
        self.observer.stage("shared pass")
        with tally.timed("shared pass"):
            shared = SharedPass(prepared.network.classifier, images)
            predicted = shared.logits.argmax(1).tolist()
        policies = frozenset(metric.target for metric in self.plan.metrics)
        pictures = [settled(picture, shared.logits[i]) for i, picture in enumerate(pictures)]
        trials = trials_of(pictures, predicted, policies)
        rows = [trial.picture for trial in trials]
        batch = batch_of(pictures, trials, images, prepared.preprocess, self.config.seed, predicted)
        capture = Capture(classifier, batch, shared, rows)
        with tally.timed("shared pass"):
            share(capture, self.plan.explainers)
        ms = 1e3 * (tally.seconds["shared pass"] - before) / len(pictures)
        forwards = len(pictures) + shared.forwards
        tally.forwards["shared pass"] += forwards
        cost = forwards / len(pictures), shared.backwards / len(pictures)
        shown = [provenance.shared(picture, ms, *cost) for picture in pictures]

        common = {("image", picture.id): shared.logits[i] for i, picture in enumerate(pictures)}
        stream = Stream(prepared.network.forward, prepared.width, common, self.observer.passed)
        self.observer.stage("explaining")
        with tally.timed("explainers"):
            explained = explain(capture, self.plan.explainers, stream)
        streamed = stream.forwards
        self.observer.stage("scoring")
        with tally.timed("metrics"):
            wanted = [trial.policies for trial in trials]
            again = self.again(explained, prepared)
            scored = score(explained, self.plan.metrics, wanted, batch, stream, again)
        tally.forwards["explainers"] += streamed + len(pictures) + shared.forwards - forwards
        made = sum(explainer.forwards for explainer in again.values())
        tally.forwards["metrics"] += stream.forwards - streamed + made
        tally.backwards += shared.backwards + sum(e.backwards for e in again.values())

        found = Evaluation(explained, scored)
        chances = shared.logits.softmax(1)[rows, batch.targets].tolist()
        asked = Asked(pictures, trials, [predicted[row] for row in rows], chances)
        shown_first = range(min(max(0, keep), len(pictures)))
        keep_maps(self.folder.maps, found, asked, batch, classifier, provenance, shown_first)
        return shown + rows_of(found, asked, self.plan.explainers, self.plan.metrics, provenance)


def share(capture: Capture, explainers: Sequence[Explainer]) -> None:
    """Make now what several explainers look at, so that its time is none of theirs."""
    _ = capture.activations
    needs = [set(explainer.needs) for explainer in explainers]
    if any("gradients" in found and "attention" not in found for found in needs):
        _ = capture.gradients
    if any("image-gradients" in found for found in needs):
        _ = capture.image_gradients
    if "attention" in capture.classifier.provides:
        with suppress(XaibenchError):  # those who need it will say what is wrong
            if any("attention" in found for found in needs):
                _ = capture.attentions
            if any({"attention", "gradients"} <= found for found in needs):
                _ = capture.attentions.gradients


def costs(outcome: Outcome) -> Cost:
    """What an explainer's maps took."""
    return Cost(outcome.ms, outcome.forwards, outcome.backwards)
