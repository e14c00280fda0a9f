"""One model on one data set, loaded once: rows of any of its images. It writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import torch
from msgspec.structs import replace as replace_config

from xaibench.api.capture import SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError
from xaibench.api.explaining import Cost
from xaibench.api.specs import Explainer
from xaibench.api.types import Images
from xaibench.engine.device.devices import device_facts
from xaibench.engine.device.memory import out_of_memory
from xaibench.engine.evaluate.explaining import Again, explain, finish
from xaibench.engine.evaluate.other_networks import OtherNetworks
from xaibench.engine.evaluate.outcome import Evaluation, Explained, Outcome, status_of
from xaibench.engine.evaluate.pass_width import best_width
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream
from xaibench.engine.images.pictures import Picture
from xaibench.engine.network.modes import BF16, compiled, in_bf16
from xaibench.engine.network.prepare import PreparedNetwork, prepare_network
from xaibench.engine.plan.config import Config
from xaibench.engine.plan.label_spaces import asked_of, refuse_classes_beyond, refuse_other_classes
from xaibench.engine.plan.plan import Block
from xaibench.engine.work.cells import RequestedCells
from xaibench.engine.work.map_store import PRECISION, MapStore
from xaibench.engine.work.messages import ShardResult
from xaibench.engine.work.observer import Observer, Tally
from xaibench.engine.work.rows import Provenance, rows_of, shown_of
from xaibench.engine.work.shared_pass import Loaded, SharedBatch, run_shared_pass, share
from xaibench.results.keys import content_key

EVERY_POLICY = frozenset({"predicted", "label"})  # later metrics may ask about other classes


@dataclass(frozen=True)
class Evaluator:
    """Loads blocks, and makes the rows of some of their images.

    Args:
        config: the settings.
        device: where it computes.
        native: the folder where maps may be that were kept earlier, if there is one here.
        stores: the maps kept of each block.
        widths: images a pass of each block's stream, where others have measured them.
    """

    config: Config
    device: torch.device
    native: Path | None
    observer: Observer = field(default_factory=Observer)
    tally: Tally = field(default_factory=Tally)
    stores: dict[str, MapStore] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    def load(self, block: Block, provenance: Provenance) -> Loaded:
        """Load data and model, and put the model on the device.

        It is prepared, and its best pass width measured, when some image needs it; but compiled now, as
        whether it can be is part of what its rows mean.

        Args:
            block: what to load.
            provenance: what is known of its rows.

        Raises:
            PluginError: the model's function returned no Classifier, or one without preprocessing.
        """
        self.observer.stage("loading")
        self.tally.device.update(device_facts(self.device))
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
        prepare = cache(partial(self.prepared, block.model.name, classifier, noise))
        compiled_by = prepare().compiled_by if self.config.compile else ""
        tried = SharedPass(classifier, noise)
        refuse_classes_beyond(tried.logits.shape[1], examples, block)
        (output,) = tried.outputs[-1:]
        cells = classifier.target_layer.to_grid(output).shape[2:]
        complete = replace(
            provenance,
            weights_sha=classifier.weights_sha(),
            preprocess_sha=content_key(asdict(classifier.preprocess)),
            layer=classifier.target_layer.name,
            layout=classifier.target_layer.layout,
            grid=f"{cells[0]}x{cells[1]}",
            mode=replace_config(self.config, compile=bool(compiled_by)).mode,
        )
        self.tally.tell_of_model(
            block.model.name,
            weights_sha256=complete.weights_sha,
            layer=complete.layer,
            layout=complete.layout,
            grid=complete.grid,
            provides=sorted(classifier.provides),
            preprocess=asdict(classifier.preprocess),
            dtype=complete.dtype,
            mode=complete.mode,
        )
        self.tally.data[block.data_name] = {
            "examples": len(examples),
            "images": len({example.id for example in examples}),
            "subset_sha": content_key([(example.id, *asked_of(example)) for example in examples]),
            "chosen": str(block.choice),
        }
        if self.native:
            self.stores[complete.block] = MapStore.open(self.native, complete.block)
        self.stores.setdefault(complete.block, MapStore(Path(), complete.block))
        measure = partial(self.measured, complete, noise)
        return Loaded(examples, classifier, classifier.preprocess, complete, prepare, measure)

    def prepared(self, model: str, classifier: Classifier, noise: Images) -> PreparedNetwork:
        """What the shared pass and the stream run."""
        self.observer.stage("preparing the network")
        plain = prepare_network(classifier, noise)
        if plain.why_plain:
            self.observer.note(f"{model} runs unprepared: {plain.why_plain}")
        network = self.in_mode(plain, classifier, noise)
        self.tally.tell_of_model(model, **network.facts)
        return network

    def measured(self, provenance: Provenance, noise: Images, network: PreparedNetwork) -> int:
        """How many images a pass takes: as told, or as others have measured it, or as it is here."""
        self.observer.stage("measuring the best pass width")
        known = self.widths.get(provenance.block) or self.config.width
        width = known or best_width(network.forward, noise)
        self.observer.width(width)
        self.tally.tell_of_model(provenance.model, pass_width=width)
        return width

    def in_mode(
        self, network: PreparedNetwork, classifier: Classifier, noise: Images
    ) -> PreparedNetwork:
        """What the stream runs, in the mode that is asked for; a compiler that fails is told of."""
        if self.config.dtype == BF16:
            return in_bf16(network, noise)
        if not self.config.compile:
            return network
        self.observer.stage("compiling the network")
        compiled_network = compiled(network, classifier, noise)
        if compiled_network.why_uncompiled:
            self.observer.note(f"a network runs uncompiled: {compiled_network.why_uncompiled}")
        return compiled_network

    def rows(
        self,
        pictures: Sequence[Picture],
        loaded: Loaded,
        wanted: RequestedCells,
        shown: frozenset[str],
    ) -> ShardResult:
        """The rows of some images, with maps to keep; those that cannot be worked on are rows too.

        Args:
            pictures: the images.
            loaded: the block.
            wanted: which metrics of which explainers.
            shown: the images whose maps the gallery shows.
        """
        result = ShardResult()
        for picture in pictures:
            if picture.error is not None:
                self.observer.note(str(picture.error))
                result.rows += loaded.provenance.lost(wanted, picture, status_of(picture.error)[1])
        readable = [picture for picture in pictures if picture.pixels is not None]
        if readable:
            result.add(self.within_memory(readable, loaded, wanted, shown))
        return result

    def within_memory(
        self, pictures: Sequence[Picture], loaded: Loaded, wanted: RequestedCells, shown: frozenset[str]
    ) -> ShardResult:
        """`evaluate`; where memory runs out, half of the images after the other half."""
        try:
            return self.evaluate(pictures, loaded, wanted, shown)
        except Exception as error:  # the network's own, or the machine's: these images are tried again
            half = len(pictures) // 2
            if half and out_of_memory(error):
                self.observer.note(
                    f"{loaded.provenance.block}: out of memory with {len(pictures)} images at once; "
                    f"going on with {len(pictures) - half}"
                )
            else:
                _, reason = status_of(error)
                title = loaded.provenance.block
                self.observer.note(f"{title}: {len(pictures)} images lost: {reason}")
                lost = [loaded.provenance.lost(wanted, picture, reason) for picture in pictures]
                return ShardResult([row for rows in lost for row in rows])
        result = ShardResult()
        for part in (pictures[:half], pictures[half:]):
            result.add(self.within_memory(part, loaded, wanted, shown))
        return result

    def evaluate(
        self, pictures: Sequence[Picture], loaded: Loaded, wanted: RequestedCells, shown: frozenset[str]
    ) -> ShardResult:
        """The rows of some readable images: shared pass, explainers, metrics."""
        provenance, tally = loaded.provenance, self.tally
        with tally.timed("load"):  # what the first images have made is none of their time
            network, width = loaded.network, loaded.width
        before = tally.seconds["shared pass"]
        self.observer.stage("shared pass")
        with tally.timed("shared pass"):
            policies = EVERY_POLICY if self.config.keep_maps else wanted.policies
            shared_batch = run_shared_pass(pictures, loaded, policies, self.config.seed, self.device)
        kept = self.kept(shared_batch, loaded, wanted)
        new = [spec for spec in wanted.explainers if spec.name not in kept]
        with tally.timed("shared pass"):
            share(shared_batch.capture, new)
        ms = 1e3 * (tally.seconds["shared pass"] - before) / len(pictures)
        shared, batch, asked_trials = shared_batch.shared, shared_batch.batch, shared_batch.shard_trials
        forwards = len(pictures) + shared.forwards
        tally.forwards["shared pass"] += forwards
        cost = forwards / len(pictures), shared.backwards / len(pictures)
        timed_pictures = asked_trials.pictures if wanted.shared else ()
        rows = [provenance.shared(picture, ms, *cost) for picture in timed_pictures]

        passed, timeout = self.observer.passed, self.config.timeout
        stream = Stream(network.forward, width, shared_batch.known, passed, timeout=timeout)
        self.observer.stage("explaining")
        with tally.timed("explainers"):
            outcomes = explain(shared_batch.capture, new, stream)
        keys = {spec.name: provenance.of_maps(spec) for spec in new}
        store = self.stores[provenance.block]
        maps = store.files(outcomes, keys, batch, shared_batch.inputs) if self.config.keep_maps else {}
        explained = {spec.name: (kept | outcomes)[spec.name] for spec in wanted.explainers}
        streamed = stream.forwards
        self.observer.stage("scoring")
        with tally.timed("metrics"):
            reasons = [trial.policies for trial in shared_batch.trials]
            again = explainers_again(explained, loaded, wanted.explainers)
            scored = score(explained, wanted.metrics, reasons, batch, stream, again, wanted.pairs)
        tally.forwards["explainers"] += streamed + len(pictures) + shared.forwards - forwards
        asked_again = sum(explainer.forwards for explainer in again.values())
        tally.forwards["metrics"] += stream.forwards - streamed + asked_again
        tally.backwards += shared.backwards + sum(e.backwards for e in again.values())
        if stream.width < width:
            self.observer.note(f"{provenance.block}: out of memory; passes of {stream.width} images")
            tally.tell_of_model(provenance.model, pass_width=stream.width)
            self.observer.width(stream.width)

        evaluation = Evaluation(explained, scored)
        places = [i for i, picture in enumerate(pictures) if picture.id in shown]
        classifier = loaded.classifier
        in_gallery = shown_of(evaluation, asked_trials, batch, classifier, provenance, places)
        rows += rows_of(evaluation, asked_trials, wanted.explainers, wanted.metrics, provenance)
        return ShardResult(rows, in_gallery, maps)

    def kept(
        self, shared_batch: SharedBatch, loaded: Loaded, wanted: RequestedCells
    ) -> dict[str, Explained]:
        """The maps that are on disk, of explainers of which all are."""
        provenance, size = loaded.provenance, shared_batch.batch.images.shape[2:]
        store = self.stores[provenance.block]
        outcomes = {
            spec.name: store.find(provenance.of_maps(spec), shared_batch.batch, shared_batch.inputs)
            for spec in wanted.explainers
        }
        return {
            name: replace(finish(name, outcome, size), precision=PRECISION)
            for name, outcome in outcomes.items()
            if outcome is not None
        }


def explainers_again(
    explained: Mapping[str, Explained], loaded: Loaded, explainers: Sequence[Explainer]
) -> dict[str, Again]:
    """The explainers, for metrics that ask them again."""
    plain, sooner, others = loaded.classifier, loaded.network.classifier, OtherNetworks()
    return {
        spec.name: Again(
            spec, plain, loaded.width, cost_of(explained[spec.name].outcome), sooner, others
        )
        for spec in explainers
    }


def cost_of(outcome: Outcome) -> Cost:
    """What an explainer's maps took."""
    return Cost(outcome.ms, outcome.forwards, outcome.backwards)
