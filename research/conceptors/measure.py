"""The measurements of `conceptors.search`: one pass over the trials, then one forward a map."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from conceptors.candidates import Base, Features, bases_of
from torch import Tensor
from xaibench_explainers.attention import raw_attention
from xaibench_explainers.conceptor_cam_spatial import runners_up
from xaibench_explainers.layer_cam import layer_cam
from xaibench_metrics.faithfulness.curves import deletion, insertion
from xaibench_metrics.localisation.pointing_game import pointing_game

from xaibench.api.batch import Batch, Example
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier
from xaibench.api.maps import rescale, upsample
from xaibench.api.types import Curves, GridMaps, Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.pass_width import best_width
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.engine.images.pictures import decode
from xaibench.engine.images.trials import batch_of, trials_of
from xaibench.engine.network.prepare import prepare_network
from xaibench.results.intervals import interval

RIVALS, STEPS, AT_ONCE = 3, 10, 8
EARLIER = {"scenes-cnn": "features.11", "scenes-vit": "blocks.2.norm1"}  # else blocks.4 of Lite
OF_CONTRAST = ("energy", "AD", "AI", "AG")
BETTER = {"energy": 1, "peak": 1, "pointing": 1, "AD": -1, "AI": 1, "AG": 1, "ins": 1, "del": -1}

Difference = tuple[float, float]
Differences = Mapping[str, Difference]


@dataclass(frozen=True)
class Work:
    """Trials of some images, and everything needed to score maps of them.

    Args:
        batch: an image asked about its label and about the predicted class.
        policies: why each is asked.
        kinds: what each shows; images of one kind are resampled together.
        chances: (B,), probability of each target on the whole image.
        covers: (B, H, W), share of each pixel that the mask covers.
        features: what the candidates are made of.
        stream: scores variants.
    """

    batch: Batch
    policies: tuple[frozenset[str], ...]
    kinds: tuple[str, ...]
    chances: Tensor
    covers: Maps
    features: Features
    stream: Stream

    def rows_asked_about(self, policy: str) -> list[int]:
        """Return the rows of the trials of a policy."""
        return [row for row, policies in enumerate(self.policies) if policy in policies]


def prepared_work(model: str, images: Sequence[tuple[Example, ...]]) -> Work:
    """Pass the images through the network once, and return all that candidates and scores need."""
    registry = installed()
    classifier: Classifier = registry.model(model).load()()
    earlier: Classifier = registry.model(f"{model}@{EARLIER.get(model, 'blocks.4')}").load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    pictures = [decode(same, preprocess) for same in images]
    pixels = torch.stack([p.pixels for p in pictures if p.pixels is not None])
    network = prepare_network(classifier, pixels[:1])
    stream = Stream(network.forward, best_width(network.forward, pixels[:1], widest=16, seconds=2))
    predicted = classifier.logits(pixels).argmax(1).tolist()
    trials = trials_of(pictures, predicted, frozenset({"predicted", "label"}))
    batch = batch_of(pictures, trials, pixels, preprocess, 0, predicted)
    parts = [features_of(classifier, earlier, batch.select(rows)) for rows in chunks(len(batch.ids))]
    size = (pixels.shape[2], pixels.shape[3])
    return Work(
        batch=batch,
        policies=tuple(trial.policies for trial in trials),
        kinds=tuple(kind(pictures[trial.picture].examples[0]) for trial in trials),
        chances=torch.cat([chances for chances, _ in parts]),
        covers=torch.stack([region.covered(size).float() for region in batch.regions]),
        features=joined([features for _, features in parts]),
        stream=stream,
    )


def chunks(count: int) -> Iterator[range]:
    """Return the rows in chunks of `AT_ONCE`."""
    return (range(first, min(first + AT_ONCE, count)) for first in range(0, count, AT_ONCE))


def features_of(classifier: Classifier, earlier: Classifier, batch: Batch) -> tuple[Tensor, Features]:
    """Return the probabilities of the targets and the cached tensors of a batch."""
    capture = Capture(classifier, batch)
    rivals = [capture.gradients_for(targets) for targets in runners_up(capture, RIVALS)[0].T]
    attention = raw_attention(capture) if "attention" in classifier.provides else None
    before = Capture(earlier, batch)
    features = Features(
        capture.activations,
        capture.gradients,
        before.activations,
        layer_cam(before),
        bases_of(capture.activations, capture.gradients, rivals, attention),
    )
    return capture.logits.softmax(1).gather(1, batch.targets[:, None])[:, 0], features


def joined(parts: Sequence[Features]) -> Features:
    """Return the cached tensors of several batches as one."""

    def base(name: str) -> Base:
        bases = [part.bases[name] for part in parts]
        rivals = zip(*(one.rivals for one in bases), strict=True)
        return Base(
            torch.cat([one.own for one in bases]),
            torch.cat([one.opposed for one in bases]),
            tuple(torch.cat(rival) for rival in rivals),
        )

    return Features(
        torch.cat([part.activations for part in parts]),
        torch.cat([part.gradients for part in parts]),
        torch.cat([part.earlier for part in parts]),
        torch.cat([part.finer for part in parts]),
        {name: base(name) for name in parts[0].bases},
    )


def kind(example: Example) -> str:
    """Return the object that a cut-out shows, which other images may show too; else the image's id."""
    name, _, turn = example.id.rpartition("-")
    return name if turn in ("0", "1") else example.id


def whole(maps: GridMaps, work: Work) -> Maps:
    """Return maps upsampled and rescaled, as the engine hands them to metrics."""
    return rescale(upsample(maps, work.batch.images.shape[2:]))


def matched(base: Maps, like: Maps) -> Maps:
    """Return `base` with the histogram of `like`, map by map, its order of pixels unchanged.

    Where `base` has ties, as behind a ReLU, they stay tied, at the mean of the values that fall to
    them: the order of the pixels is the base's, and the mean is that of `like`.
    """
    images = []
    for one, other in zip(base, like, strict=True):
        _, places, counts = one.flatten().unique(return_inverse=True, return_counts=True)
        sums = torch.cat([other.new_zeros(1).double(), other.flatten().sort().values.double().cumsum(0)])
        ends = counts.cumsum(0)
        means = (sums[ends] - sums[ends - counts]) / counts
        images.append(means[places].view_as(one).to(one))
    return torch.stack(images)


def masked(rows: Sequence[Maps], batch: Batch) -> Asks[Curves]:
    """Return the target's probability for each image times each of its maps, (B, number of maps)."""

    def build(row: int, k: Indices) -> Images:
        return torch.stack([batch.images[row] * rows[i][row] for i in k.tolist()])

    return (yield Variants(build, count=len(rows)))


def effects(maps: Sequence[Maps], work: Work) -> list[pd.DataFrame]:
    """Return Average Drop, Increase and Gain of each map, one row a trial of the predicted class."""
    rows = work.rows_asked_about("predicted")
    batch, before = work.batch.select(rows), work.chances[rows]
    (answer,) = work.stream.drive([Task(masked([some[rows] for some in maps], batch), batch)])
    if answer.value is None:
        raise answer.error or RuntimeError("no answer")
    room = 1 - before
    tables = []
    for after in answer.value.T:
        gain = torch.where(room > 1e-7, (after - before).relu() / room.clamp(min=1e-7), 0)
        scores = {"AD": (before - after).relu() / before, "AI": (after > before).float(), "AG": gain}
        tables.append(pd.DataFrame({name: score.numpy() for name, score in scores.items()}, index=rows))
    return tables


def places(maps: Maps, work: Work) -> pd.DataFrame:
    """Return energy in the mask, peak on it and pointing game, one row for each trial of the label."""
    rows = work.rows_asked_about("label")
    some, batch = maps[rows], work.batch.select(rows)
    total = some.sum((1, 2))
    inside = (some * work.covers[rows]).sum((1, 2))
    scores = {
        "energy": torch.where(total > 0, inside / total.clamp(min=1e-9), 0),
        "peak": pointing_game(some, batch, tolerance=1),
        "pointing": pointing_game(some, batch),
    }
    return pd.DataFrame({name: score.numpy() for name, score in scores.items()}, index=rows)


def curves(maps: Sequence[Maps], work: Work) -> list[pd.DataFrame]:
    """Return insertion and deletion in 10 steps, one row for each trial of the predicted class."""
    rows = work.rows_asked_about("predicted")
    batch = work.batch.select(rows)
    tasks = [
        Task(m(some[rows], batch, steps=STEPS), batch) for some in maps for m in (insertion, deletion)
    ]
    answers = work.stream.drive(tasks)
    values = [answer.value.scores.numpy() for answer in answers if answer.value is not None]
    return [
        pd.DataFrame({"ins": values[2 * i], "del": values[2 * i + 1]}, index=rows)
        for i in range(len(maps))
    ]


def score(
    makers: Mapping[str, Callable[[], GridMaps]], base: Base, work: Work, with_curves: bool = False
) -> dict[str, pd.DataFrame]:
    """Return each map's scores, one row a trial; primed columns score the base with its histogram."""
    plain, scores = whole(base.own, work), {}
    for names in [list(makers)[i : i + AT_ONCE] for i in range(0, len(makers), AT_ONCE)]:
        maps = [whole(makers[name](), work) for name in names]
        contrasts = [matched(plain, some) for some in maps]
        direct = effects([*maps, *contrasts], work)
        where = [places(some, work) for some in (*maps, *contrasts)]
        areas = curves(maps, work) if with_curves else [pd.DataFrame()] * len(names)
        for i, name in enumerate(names):
            same = len(names) + i
            primed = pd.concat([where[same], direct[same]], axis=1).add_suffix("'")
            means = pd.DataFrame({"mean": maps[i].mean((1, 2)).numpy()})
            scores[name] = pd.concat([where[i], direct[i], primed, areas[i], means], axis=1)
    return scores


def differences(scores: pd.DataFrame, base: pd.DataFrame, work: Work) -> dict[str, Difference]:
    """Return mean and half-width of the 95 % interval of each metric's paired difference to the base.

    Primed: against the base map with the same histogram. Positive is better, always.
    """
    kinds = pd.Series(work.kinds)
    estimates = {}
    for name, sign in BETTER.items():
        if name not in scores:
            continue
        pairs = {name: base[name]} | ({f"{name}'": scores[f"{name}'"]} if name in OF_CONTRAST else {})
        for label, other in pairs.items():
            paired = (sign * (scores[name] - other)).dropna()
            low, high = interval(paired, kinds[paired.index])
            estimates[label] = (float(paired.mean()), (high - low) / 2)
    return estimates
