"""Does an explainer depend on what it is to explain? It is asked again to find out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xaibench.api.batch import Batch, seed_of
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError, XaibenchError
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.specs import Explainer, Metric
from xaibench.api.types import Maps
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.images.pictures import decode, images_of_examples
from xaibench.engine.images.trials import batch_of, trials_of
from xaibench.engine.plan.label_spaces import refuse_other_classes
from xaibench.engine.plan.plan import block
from xaibench.engine.plan.selection import Choice
from xaibench.engine.tools.sanity_checks import Examined, SanityMeasurements, judge
from xaibench.engine.tools.single import WIDTH
from xaibench.engine.work.observer import Observer

SHARE = 8  # images that are explained together
DRAWS = 3  # random networks that the cascade ends in: one alone is an accident


@dataclass(frozen=True)
class Sanity:
    """An explainer examined, others for reference, and on what."""

    examined: Examined
    references: tuple[Examined, ...]
    images: int


def examine(
    registry: Registry,
    explainer: str,
    references: Sequence[str],
    model: str,
    data: str,
    cascade: str,
    other_class: str,
    limit: int | None = None,
    seed: int = 0,
    observer: Observer | None = None,
) -> Sanity:
    """Check an explainer, and others beside it, on the classes that a model predicts.

    Args:
        registry: the plugins.
        explainer: by name.
        references: others, by name; one that cannot be checked says why.
        model: by name.
        data: by name.
        cascade: a metric that draws the network's weights anew, whose curve has an entry a stage.
        other_class: a metric that compares with the map of another class.
        limit: how many examples.
        seed: of everything random.
        observer: is told how it goes.

    Raises:
        UnknownName: a name that no plugin offers.
        DataError: an image cannot be read.
        XaibenchError: the explainer failed, or does not apply to the model.
    """
    observer = observer or Observer()
    specs = [registry.explainer(name) for name in dict.fromkeys((explainer, *references))]
    metrics = registry.metric(cascade), registry.metric(other_class)
    classifier, batch = load(registry, model, data, limit, seed)
    examined = []
    for spec in specs:
        observer.block(f"{spec.name} on {model}", len(batch.ids))
        try:
            measurements = measure(spec, classifier, batch, *metrics, observer=observer)
        except XaibenchError as error:
            if spec is specs[0]:
                raise
            examined.append(Examined(spec.name, missing=str(error)))
        else:
            examined.append(judge(spec.name, measurements, batch.ids))
    return Sanity(examined[0], tuple(examined[1:]), len(batch.ids))


def load(
    registry: Registry, model: str, data: str, limit: int | None, seed: int
) -> tuple[Classifier, Batch]:
    """The model, and the images with the classes that it predicts."""
    chosen_block = block(registry, model, data, Choice(limit))
    refuse_other_classes(chosen_block)
    classifier: Classifier = chosen_block.model.load()()
    if classifier.preprocess is None:
        raise PluginError(f"model {model!r} does not know how to preprocess pictures")
    device = next((w.device for w in classifier.network.parameters()), torch.device("cpu"))
    pictures = [
        decode(same, classifier.preprocess) for same in images_of_examples(chosen_block.examples())
    ]
    for picture in pictures:
        if picture.error is not None:
            raise picture.error
    images = torch.stack([p.pixels for p in pictures if p.pixels is not None]).to(device)
    predicted = [int(classifier.logits(some).argmax()) for some in images.split(1)]
    trials = trials_of(pictures, predicted, frozenset({"predicted"}))
    return classifier, batch_of(pictures, trials, images, classifier.preprocess, seed, predicted)


def measure(
    spec: Explainer,
    classifier: Classifier,
    batch: Batch,
    cascade: Metric,
    other_class: Metric,
    observer: Observer,
) -> SanityMeasurements:
    """Explain the images as they are, alone, again, by other seeds, weights and classes."""
    again = Again(spec, classifier, WIDTH)
    parts = []
    for rows in torch.arange(len(batch.ids)).split(SHARE):
        parts.append(
            measure_part(again, batch.select(rows.tolist()), cascade.load(), other_class.load())
        )
        observer.done(len(rows), resumed=False)
    columns = [
        torch.cat([getattr(part, name) for part in parts])
        for name in ("curves", "other_class", "flat", "alone", "again", "other_seed")
    ]
    return SanityMeasurements(columns[0], parts[0].stages, *columns[1:])


def measure_part(
    again: Again, batch: Batch, cascade: Callable[..., Scored], other_class: Callable[..., Scored]
) -> SanityMeasurements:
    """The same for a few images, explained together."""
    draws = [batch, *(reseeded(batch, draw) for draw in range(1, DRAWS))]
    maps = [again.maps(drawn) for drawn in draws]
    curves = [
        cascade(curve_map, drawn, again).curves for curve_map, drawn in zip(maps, draws, strict=True)
    ]
    given = [curve for curve in curves if curve is not None]
    if len(given) < DRAWS:
        raise PluginError("the metric that draws weights anew gave no curves")
    alone = torch.cat([again.maps(batch.select([row])) for row in range(len(batch.ids))])
    return SanityMeasurements(
        curves=torch.cat(given, 1).cpu(),
        stages=given[0].shape[1],
        other_class=other_class(maps[0], batch, again).scores.cpu(),
        flat=flat(maps[0]).cpu(),
        alone=furthest(maps[0], alone),
        again=furthest(maps[0], again.maps(batch)),
        other_seed=furthest(maps[0], maps[1]),
    )


def reseeded(batch: Batch, draw: int) -> Batch:
    """The same trials, whatever is random drawn another time."""
    return replace(batch, seeds=tuple(seed_of(seed, "draw", draw) for seed in batch.seeds))


def furthest(first: Maps, second: Maps) -> Tensor:
    """Largest difference of a pixel, (B,)."""
    return (first - second).abs().amax((1, 2)).cpu()
