"""Three lines of Python: explain some images, or score some maps, without a grid or files."""

from collections.abc import Sequence
from functools import lru_cache
from math import nan
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from xaibench.api.batch import Batch, Example, Preprocess, Region
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.errors import PluginError, Undefined
from xaibench.api.explaining import Cost
from xaibench.api.maps import rescale
from xaibench.api.pictures import rgb
from xaibench.api.resolve import classifier_of
from xaibench.api.types import Images, Maps, Scores
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.evaluate.explaining import explain as explain_all
from xaibench.engine.evaluate.outcome import Explained, Outcome, raise_wrong
from xaibench.engine.evaluate.scoring import score as score_all
from xaibench.engine.evaluate.stream import Stream

WIDTH = 16  # images a pass, where nobody has measured
UNKNOWN = Cost(nan, nan, nan)  # of maps that were given

Pictures = Sequence["Image.Image | Path | str"]


def explain(
    model: "str | nn.Module | Classifier",
    images: "Tensor | Pictures | Image.Image | Path | str",
    explainer: str = "grad-cam",
    targets: "Tensor | Sequence[int] | None" = None,
    target_layer: "str | nn.Module | None" = None,
    seed: int = 0,
) -> Maps:
    """Saliency maps of some images, no layer to name.

    Args:
        model: name of an installed model, a Classifier, or any `torch.nn.Module` that takes
            (B, 3, H, W) to logits.
        images: (B, 3, H, W), preprocessed for the model; or pictures, for a model that knows how.
        explainer: name of an installed explainer.
        targets: (B,), the class each image is explained for; the predicted one where not given.
        target_layer: a module or its path, where the one found is not the one wanted.
        seed: of explainers that draw.

    Returns:
        (B, H, W), in [0, 1], larger is more important; a constant map is all zeros.

    Raises:
        UnknownName: no such model or explainer.
        Unsupported: the explainer does not apply to the model, or no target layer was found.
        PluginError: the explainer broke its contract.
    """
    spec = installed().explainer(explainer)
    classifier, batch, shared = begin(model, images, targets, target_layer, seed)
    capture = Capture(classifier, batch, shared)
    explained = explain_all(capture, [spec], Stream(classifier.logits, WIDTH))[explainer]
    raise_wrong(explained.outcome)
    assert explained.maps is not None
    return explained.maps


def score(
    maps: Tensor,
    images: "Tensor | Pictures | Image.Image | Path | str",
    model: "str | nn.Module | Classifier",
    metric: str = "deletion",
    targets: "Tensor | Sequence[int] | None" = None,
    regions: Sequence[Region] = (),
    seed: int = 0,
    explainer: str = "",
) -> Scores:
    """How good some maps are, by one metric.

    Args:
        maps: (B, H, W), larger is more important; of any explainer, also one that is not ours.
        images: (B, 3, H, W), preprocessed for the model; or pictures, for a model that knows how.
        model: as in `explain`.
        metric: name of an installed metric.
        targets: (B,), the class each map explains; the predicted one where not given.
        regions: where the target class is, for metrics that ask (`xaibench.api.batch.Region`).
        seed: of ties and of metrics that draw.
        explainer: name of an installed one, whose maps they are, for metrics that ask it again.

    Returns:
        (B,), on the device of `maps`; NaN where a score is undefined.

    Raises:
        UnknownName: no such model, metric or explainer.
        Undefined: the metric needs regions, or the explainer, and there are none.
        PluginError: maps of another size than the images, or the metric broke its contract.
    """
    spec = installed().metric(metric)
    classifier, batch, shared = begin(model, images, targets, None, seed, regions)
    if tuple(maps.shape) != (len(batch.ids), *batch.images.shape[2:]):
        raise PluginError(
            f"maps are {tuple(maps.shape)}; expected {(len(batch.ids), *batch.images.shape[2:])}, "
            "one (H, W) map an image, of the images' size"
        )
    if "region" in spec.needs and not regions:
        raise Undefined(f"metric {metric!r} asks where the target class is; give regions=")
    if "explainer" in spec.needs and not explainer:
        raise Undefined(f"metric {metric!r} asks the explainer again; give explainer=")
    if not maps.isfinite().all():
        raise PluginError("maps hold NaN or infinity")
    everyone = list(range(len(batch.ids)))
    given = Explained(Outcome(everyone), rescale(maps.float()), None)
    common = {("image", name): shared.logits[i] for i, name in enumerate(batch.ids)}
    stream = Stream(classifier.logits, WIDTH, common)
    policies = [frozenset({spec.target})] * len(everyone)
    again = {}
    if explainer:
        again["maps"] = Again(installed().explainer(explainer), classifier, WIDTH, UNKNOWN)
    outcome = score_all({"maps": given}, [spec], policies, batch, stream, again)["maps", metric]
    raise_wrong(outcome)
    assert outcome.values is not None
    return outcome.values.to(maps.device)


def begin(
    model: "str | nn.Module | Classifier",
    images: "Tensor | Pictures | Image.Image | Path | str",
    targets: "Tensor | Sequence[int] | None",
    target_layer: "str | nn.Module | None",
    seed: int,
    regions: Sequence[Region] = (),
) -> tuple[Classifier, Batch, SharedPass]:
    """The classifier, the images as a batch, and their shared pass."""
    height, width = input_size(images)
    classifier = classifier_from(model, (height, width), target_layer)
    device = next((w.device for w in classifier.network.parameters()), torch.device("cpu"))
    pixels = pixels_of(images, classifier.preprocess).to(device)
    shared = SharedPass(classifier, pixels)
    predicted = shared.logits.argmax(1)
    if targets is None:
        wanted = predicted
    else:
        wanted = torch.as_tensor(targets, dtype=torch.long).to(device)
        check_targets(wanted, shared.logits)
    names = tuple(f"image-{i}" for i in range(len(pixels)))
    seeds = (seed,) * len(names)
    batch = Batch(names, pixels, wanted, seeds, tuple(regions), classifier.preprocess, predicted)
    return classifier, batch, shared


def classifier_from(
    model: "str | nn.Module | Classifier", size: tuple[int, int], target_layer: "str | nn.Module | None"
) -> Classifier:
    """The classifier that is meant, looked into at `target_layer` where that is given."""
    classifier = named_classifier(model) if isinstance(model, str) else model
    if isinstance(classifier, Classifier):
        if target_layer is None:
            return classifier
        size = classifier.preprocess.size if classifier.preprocess else size
        names = classifier.class_names
        return classifier_of(classifier.network, size, classifier.preprocess, target_layer, names)
    return classifier_of(classifier, size, target_layer=target_layer)


@lru_cache(maxsize=2)
def named_classifier(name: str) -> Classifier:
    """An installed model, loaded; the last two stay in memory."""
    loaded: Classifier = installed().model(name).load()()
    return loaded


def input_size(images: "Tensor | Pictures | Image.Image | Path | str") -> tuple[int, int]:
    """(height, width) of tensors; pictures are brought to a model's own size."""
    if not isinstance(images, Tensor):
        return (224, 224)
    if images.ndim != 4 or images.shape[1] != 3:
        raise PluginError(f"images are {tuple(images.shape)}; expected (B, 3, H, W)")
    return (images.shape[2], images.shape[3])


def pixels_of(
    images: "Tensor | Pictures | Image.Image | Path | str", preprocess: Preprocess | None
) -> Images:
    """(B, 3, H, W), preprocessed; a tensor is taken to be so already."""
    if isinstance(images, Tensor):
        return images
    pictures = [images] if isinstance(images, Image.Image | Path | str) else list(images)
    if preprocess is None:
        raise PluginError("this model does not know how to preprocess pictures; give a tensor")
    opened = [
        rgb(picture)
        if isinstance(picture, Image.Image)
        else Example(Path(picture).name, Path(picture), 0).open()
        for picture in pictures
    ]
    return torch.stack([preprocess.image(picture) for picture in opened])


def check_targets(targets: Tensor, logits: Tensor) -> None:
    """One class an image, each a class that the model has."""
    if tuple(targets.shape) != (len(logits),):
        raise PluginError(f"targets are {tuple(targets.shape)}; expected ({len(logits)},)")
    if bool((targets < 0).any()) or bool((targets >= logits.shape[1]).any()):
        raise PluginError(
            f"targets are from {int(targets.min())} to {int(targets.max())}; "
            f"the model has classes 0 to {logits.shape[1] - 1}"
        )
