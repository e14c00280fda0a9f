"""The shared pass over some images of a loaded block, and what is to be asked about them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from xaibench.api.batch import Batch, Example, Preprocess
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.errors import XaibenchError
from xaibench.api.specs import Explainer
from xaibench.engine.device.timing import wait
from xaibench.engine.images.pictures import Picture
from xaibench.engine.images.prefetch import on_device
from xaibench.engine.images.trials import Trial, batch_of, settled, trials_of
from xaibench.engine.network.prepare import PreparedNetwork
from xaibench.engine.work.rows import Provenance, ShardTrials


@dataclass(frozen=True)
class Loaded:
    """A model on a data set, loaded.

    Args:
        prepare: makes `network`, when it is first needed.
        measure: finds `width`, when it is first needed.
    """

    examples: Sequence[Example]
    classifier: Classifier
    preprocess: Preprocess
    provenance: Provenance
    prepare: Callable[[], PreparedNetwork]
    measure: Callable[[PreparedNetwork], int]

    @cached_property
    def network(self) -> PreparedNetwork:
        """What the shared pass and the stream run."""
        return self.prepare()

    @cached_property
    def width(self) -> int:
        """Images a pass of the stream."""
        return self.measure(self.network)


@dataclass(frozen=True)
class SharedBatch:
    """Some readable images after the shared pass: what is asked about them, and what they share.

    Args:
        batch: the trials.
        shared: one forward of the images, and its backward.
        capture: of the trials.
        shard_trials: the trials and what the network says of their images.
    """

    batch: Batch
    shared: SharedPass
    capture: Capture
    shard_trials: ShardTrials

    @property
    def known(self) -> dict[tuple[str, str], Tensor]:
        """Logits that the stream need not make."""
        pictures = enumerate(self.shard_trials.pictures)
        return {("image", picture.id): self.shared.logits[i] for i, picture in pictures}

    @property
    def trials(self) -> Sequence[Trial]:
        """What is asked about."""
        return self.shard_trials.trials

    @property
    def inputs(self) -> list[str]:
        """The inputs_sha of each trial's image."""
        return [self.shard_trials.pictures[trial.picture].inputs_sha for trial in self.trials]


def run_shared_pass(
    pictures: Sequence[Picture],
    loaded: Loaded,
    policies: frozenset[str],
    seed: int,
    device: torch.device,
) -> SharedBatch:
    """The shared pass over some readable images, and what is to be asked about them.

    Args:
        pictures: the images.
        loaded: the block.
        policies: which classes are asked about: the "predicted" one, the "label", or both.
        seed: of everything random.
        device: where it is computed.
    """
    images = on_device([p.pixels for p in pictures if p.pixels is not None], device)
    shared = SharedPass(loaded.network.classifier, images)
    predicted = shared.logits.argmax(1).tolist()
    pictures = [settled(picture, shared.logits[i]) for i, picture in enumerate(pictures)]
    trials = trials_of(pictures, predicted, policies)
    rows = [trial.picture for trial in trials]
    batch = batch_of(pictures, trials, images, loaded.preprocess, seed, predicted)
    capture = Capture(loaded.classifier, batch, shared, rows)
    chances = shared.logits.softmax(1)[rows, batch.targets].tolist()
    shard_trials = ShardTrials(pictures, trials, [predicted[row] for row in rows], chances)
    return SharedBatch(batch, shared, capture, shard_trials)


def share(capture: Capture, explainers: Sequence[Explainer]) -> None:
    """Make now what several explainers look at, so that its time is none of theirs."""
    _ = capture.activations
    needs = [set(explainer.needs) for explainer in explainers]
    if any("gradients" in of_explainer and "attention" not in of_explainer for of_explainer in needs):
        _ = capture.gradients
    if any("image-gradients" in of_explainer for of_explainer in needs):
        _ = capture.image_gradients
    if "attention" in capture.classifier.provides:
        with suppress(XaibenchError):  # those who need it will say what is wrong
            if any("attention" in of_explainer for of_explainer in needs):
                _ = capture.attentions
            if any({"attention", "gradients"} <= of_explainer for of_explainer in needs):
                _ = capture.attentions.gradients
    wait(capture.batch.images.device)
