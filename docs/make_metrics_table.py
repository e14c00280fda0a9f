"""Writes what ours and other libraries' metrics say of the same maps into docs/metrics-*.md.

    PYTHONPATH=benchmarks python docs/make_metrics_table.py

The maps are Grad-CAM's of `scenes-cnn` on scenes, for the predicted class. A page is a list of
comparisons here and two markers there; a library that is not installed leaves its rows out.
"""

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from marked_blocks import put
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.engine.discovery.registry import installed
from xaibench.engine.images.pictures import decode
from xaibench.engine.images.trials import batch_of, trials_of
from xaibench.engine.tools.single import explain, score

HERE = Path(__file__).parent
IMAGES = 12


@dataclass(frozen=True)
class Given:
    """The same for ours and theirs: maps, trials and the network."""

    maps: Tensor
    batch: Batch
    classifier: Classifier


@dataclass(frozen=True)
class Comparison:
    """One of another library's metrics.

    Args:
        peer: the distribution it comes in.
        theirs: its name there.
        ask: its score of each image, or of all of them together.
        preset: ours of its convention; empty where we have none.
        ours: the one of ours that is meant to say the same thing in our convention.
        note: what is to be known of the difference.
    """

    peer: str
    theirs: str
    ask: Callable[[Given], Sequence[float]]
    preset: str
    ours: str
    note: str = ""


def given() -> Given:
    """Grad-CAM's maps of some scenes, of the predicted class."""
    registry = installed()
    classifier: Classifier = registry.model("scenes-cnn").load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = registry.dataset("scenes").load()()[:IMAGES]
    pictures = [decode((example,), preprocess) for example in examples]
    images = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
    predicted = classifier.logits(images).argmax(1).tolist()
    trials = trials_of(pictures, predicted, frozenset({"predicted"}))
    batch = batch_of(pictures, trials, images, preprocess, 0, predicted)
    return Given(explain(classifier, batch.images, "grad-cam", batch.targets), batch, classifier)


def pytorch_grad_cam(given: Given, module: str, metric: str, target: str) -> list[float]:
    """One of its metrics, on probabilities or logits."""
    from importlib import import_module

    from pytorch_grad_cam.utils import model_targets

    metric_object = getattr(import_module(f"pytorch_grad_cam.metrics.{module}"), metric)()
    targets = [getattr(model_targets, target)(int(target_)) for target_ in given.batch.targets]
    torch.manual_seed(0)  # its noise
    maps = given.maps.numpy()
    scored: list[float] = metric_object(
        given.batch.images, maps, targets, given.classifier.logits
    ).tolist()
    return scored


class Extractor:
    """What torch-cam's metrics ask of a method: here the maps are there already."""

    def __init__(self, given: Given) -> None:
        self.model, self.maps = given.classifier.network.eval(), given.maps

    def __call__(self, class_idx: object, scores: object) -> list[Tensor]:
        """The maps."""
        return [self.maps]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        """Of one layer."""
        return cams[0]

    def _hooks_off(self) -> Any:
        return nullcontext()


def torch_cam(given: Given, metric: str, key: str) -> list[float]:
    """One of its means, on probabilities."""
    from torchcam import metrics

    metric_object = getattr(metrics, metric)(Extractor(given), partial(torch.softmax, dim=-1))
    metric_object.update(given.batch.images, given.batch.targets.tolist())
    return [metric_object.summary()[key]]


def quantus_pixel_flipping(given: Given) -> list[float]:
    """Its area of each image, 1,024 values a step."""
    import quantus

    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # type: ignore[attr-defined]  # newer NumPys have no other
    metric = quantus.PixelFlipping(
        features_in_step=1024, return_auc_per_sample=True, disable_warnings=True
    )
    scored: list[float] = metric(
        model=given.classifier.network.eval(),
        x_batch=given.batch.images.numpy(),
        y_batch=given.batch.targets.numpy(),
        a_batch=given.maps[:, None].numpy(),
        softmax=True,
        device="cpu",
    )
    return scored


PROBABILITY, LOGIT = "ClassifierOutputSoftmaxTarget", "ClassifierOutputTarget"
NOISE = "its noise is another"
DROP = partial(pytorch_grad_cam, module="cam_mult_image", metric="DropInConfidence")
RISE = partial(pytorch_grad_cam, module="cam_mult_image", metric="IncreaseInConfidence")
ROAD = partial(pytorch_grad_cam, module="road", metric="ROADCombined", target=PROBABILITY)
AVERAGES = partial(torch_cam, metric="ClassificationMetric")
AREAS = partial(torch_cam, metric="DeletionInsertionMetric")
GRAD, TORCH = "grad-cam", "torchcam"

PAGES: dict[str, tuple[Comparison, ...]] = {
    "metrics-perturbation.md": (
        Comparison(
            GRAD,
            "DropInConfidence, probability",
            partial(DROP, target=PROBABILITY),
            "pytorch-grad-cam-drop",
            "average-drop",
        ),
        Comparison(
            GRAD,
            "DropInConfidence, logit",
            partial(DROP, target=LOGIT),
            "pytorch-grad-cam-drop-logit",
            "average-drop",
        ),
        Comparison(
            GRAD, "IncreaseInConfidence", partial(RISE, target=PROBABILITY), "", "average-increase"
        ),
        Comparison(GRAD, "ROADCombined", ROAD, "pytorch-grad-cam-road", "road", NOISE),
        Comparison(
            TORCH,
            "avg_drop",
            partial(AVERAGES, key="avg_drop"),
            "torchcam-average-drop",
            "average-drop",
        ),
        Comparison(
            TORCH,
            "conf_increase",
            partial(AVERAGES, key="conf_increase"),
            "torchcam-average-increase",
            "average-increase",
        ),
        Comparison(
            TORCH, "deletion_auc", partial(AREAS, key="deletion_auc"), "", "deletion-28", "20 steps"
        ),
        Comparison(
            TORCH,
            "insertion_auc",
            partial(AREAS, key="insertion_auc"),
            "",
            "insertion-28",
            "20 steps, from zeros",
        ),
        Comparison(
            "quantus",
            "PixelFlipping",
            quantus_pixel_flipping,
            "quantus-pixel-flipping",
            "deletion",
            "area not normalised",
        ),
    ),
}


def main() -> None:
    """Ask all that are installed and write every page."""
    warnings.simplefilter("ignore")
    same = given()
    for name, comparisons in PAGES.items():
        put(HERE / name, "peers", table(comparisons, same).rstrip())
        print(name)


def table(comparisons: Sequence[Comparison], same: Given) -> str:
    """Means over the images, and how far the preset is from theirs, by image where it tells."""
    versions = {c.peer: version for c in comparisons if (version := installed_version(c.peer))}
    releases = ", ".join(f"{peer} {version}" for peer, version in versions.items())
    text = (
        f"Written by `python docs/make_metrics_table.py`: means over {IMAGES} scenes, of Grad-CAM's "
        f"maps for `scenes-cnn`; {releases}.\n\n"
        "| library | its metric | its value | our preset | value | apart at most | our convention | "
        "value | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return text + "".join(line(c, same) for c in comparisons if c.peer in versions)


def line(comparison: Comparison, same: Given) -> str:
    """One row."""
    theirs = torch.tensor(comparison.ask(same), dtype=torch.double)
    preset, apart = "-", "-"
    if comparison.preset:
        ours = scores(comparison.preset, same)
        preset = f"{ours.nanmean().item():.4f}"
        both = (ours, theirs) if len(theirs) > 1 else (ours.mean(), theirs)
        apart = f"{(both[0] - both[1]).abs().max().item():.0e}"
    cells = (
        comparison.peer,
        comparison.theirs,
        f"{theirs.mean().item():.4f}",
        f"`{comparison.preset}`" if comparison.preset else "-",
        preset,
        apart,
        f"`{comparison.ours}`",
        f"{scores(comparison.ours, same).nanmean().item():.4f}",
        comparison.note,
    )
    return f"| {' | '.join(cells)} |\n"


def scores(metric: str, same: Given) -> Tensor:
    """One of ours."""
    batch = same.batch
    scored = score(same.maps, batch.images, same.classifier, metric, batch.targets, batch.regions)
    return scored.double()


def installed_version(peer: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(peer)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
