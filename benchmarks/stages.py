"""Wall time of each stage over its limit: forwards made x time per plain forward at the best width.

    python benchmarks/stages.py [--model efficientnet-lite0] [--images 2] [--rounds 5]

Prints, for each stage, the median over some rounds of the ratio to the limit measured in the same round,
so that a machine whose speed drifts distorts it little. Where `grad-cam` and `torchcam` are installed,
their ratios for the same work stand beside ours. A process of its own for each contender gives the peak
memory above that of the loaded network.
"""

import argparse
import multiprocessing
import resource
import statistics
from collections.abc import Callable
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.engine.evaluate import explain, score
from xaibench.engine.prepared import prepare_network
from xaibench.engine.registry import installed
from xaibench.engine.stream import Stream, best_width

GRADIENT = ("cam", "grad-cam", "grad-cam++", "layer-cam", "conceptor-cam")
PEERS = ("GradCAM", "GradCAMPlusPlus", "LayerCAM", "HiResCAM", "XGradCAM")  # five, as ours are
METRICS = ("insertion-28", "deletion-28")


def example_batch(classifier: Classifier, images: int) -> Batch:
    """The first photographs, each for the class that the network predicts."""
    assert classifier.preprocess is not None
    examples = installed().dataset("photos").load()()[:images]
    pixels = torch.stack([classifier.preprocess.image(example.open()) for example in examples])
    names = tuple(example.id for example in examples)
    return Batch(
        names, pixels, classifier.logits(pixels).argmax(1), (0,) * images, (), classifier.preprocess
    )


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def plain_forward(classifier: Classifier, batch: Batch, width: int) -> float:
    """Seconds a plain forward takes for one image, at a width, the best of three."""
    images = batch.images[:1].expand(width, -1, -1, -1).contiguous()
    return min(seconds(lambda: classifier.logits(images)) for _ in range(3)) / width


def gradient_cams(classifier: Classifier, batch: Batch) -> int:
    """The shared pass and five explainers on it; the forwards of the limit."""
    registry = installed()
    names = [name for name in GRADIENT if name != "cam" or classifier.head is not None]
    capture = Capture(classifier, batch, SharedPass(classifier, batch.images))
    explain(capture, [registry.explainer(name) for name in names], Stream(classifier.logits, 1))
    return len(batch.ids)


def score_cam(classifier: Classifier, batch: Batch, stream: Stream) -> int:
    capture = Capture(classifier, batch)
    explain(capture, [installed().explainer("score-cam")], stream)
    return stream.forwards


def metrics(classifier: Classifier, batch: Batch, stream: Stream) -> int:
    """Insertion and deletion of three explainers' maps."""
    registry = installed()
    capture = Capture(classifier, batch)
    explainers = [registry.explainer(name) for name in ("grad-cam", "layer-cam", "random")]
    explained = explain(capture, explainers, stream)
    policies = [frozenset({"predicted"})] * len(batch.ids)
    score(explained, [registry.metric(name) for name in METRICS], policies, batch, stream)
    return stream.forwards


def pytorch_grad_cam(classifier: Classifier, batch: Batch, names: tuple[str, ...] = PEERS) -> int:
    import pytorch_grad_cam as peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(int(target)) for target in batch.targets]
    for name in names:
        with getattr(peer, name)(classifier.network, [classifier.target_layer.module]) as method:
            method(batch.images, targets)
    return len(batch.ids)


def pytorch_score_cam(classifier: Classifier, batch: Batch) -> int:
    pytorch_grad_cam(classifier, batch, ("ScoreCAM",))
    return len(batch.ids) * Capture(classifier, batch).activations.shape[1]


def torch_cam(classifier: Classifier, batch: Batch) -> int:
    from torchcam import methods

    for name in ("CAM", "GradCAM", "GradCAMpp", "LayerCAM", "XGradCAM"):
        if name == "CAM" and classifier.head is None:
            continue
        with getattr(methods, name)(classifier.network, classifier.target_layer.module) as method:
            logits = classifier.network(batch.images.requires_grad_(False))
            method(batch.targets.tolist(), logits)
    return len(batch.ids)


def have(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def load(model: str, images: int) -> tuple[Classifier, Batch]:
    classifier: Classifier = installed().model(model).load()()
    return classifier, example_batch(classifier, images)


def peak_memory(model: str, images: int, name: str) -> float:
    """MiB above the loaded network at the peak of one contender, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (model, images, name))


def _peak_memory(model: str, images: int, name: str) -> float:
    classifier, batch = load(model, images)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    globals()[name](classifier, batch)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_argument("--model", default="efficientnet-lite0")
    arguments.add_argument("--images", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    classifier, batch = load(given.model, given.images)
    prepared = prepare_network(classifier, batch.images[:1])
    plain_width = best_width(classifier.logits, batch.images[:1])
    width = best_width(prepared.forward, batch.images[:1])
    stages: dict[str, Callable[[], int]] = {
        "gradient CAMs and Conceptor-CAM": lambda: gradient_cams(classifier, batch),
        "insertion and deletion, plain": lambda: metrics(
            classifier, batch, Stream(classifier.logits, plain_width)
        ),
        "insertion and deletion, prepared": lambda: metrics(
            classifier, batch, Stream(prepared.forward, width)
        ),
        "Score-CAM, plain": lambda: score_cam(classifier, batch, Stream(classifier.logits, plain_width)),
        "Score-CAM, prepared": lambda: score_cam(classifier, batch, Stream(prepared.forward, width)),
    }
    if have("pytorch_grad_cam"):
        stages["five CAMs, pytorch-grad-cam"] = lambda: pytorch_grad_cam(classifier, batch)
        stages["Score-CAM, pytorch-grad-cam"] = lambda: pytorch_score_cam(classifier, batch)
    if have("torchcam"):
        stages["five CAMs, torch-cam"] = lambda: torch_cam(classifier, batch)
    ratios: dict[str, list[float]] = {name: [] for name in stages}
    forwards: dict[str, int] = {}
    for _ in range(given.rounds):
        for name, stage in stages.items():
            batched = name.startswith(("gradient", "five"))
            at = len(batch.ids) if batched else plain_width
            limit = plain_forward(classifier, batch, at)
            began = perf_counter()
            forwards[name] = stage()
            spent = perf_counter() - began
            limit = min(limit, plain_forward(classifier, batch, at))
            ratios[name].append(spent / (forwards[name] * limit))
    table = Table(title=f"{given.model}, {given.images} images: wall time over its limit")
    for column in ("stage", "forwards", "median", "least", "most"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for name, found in ratios.items():
        figures = (statistics.median(found), min(found), max(found))
        table.add_row(name, str(forwards[name]), *(f"{figure:.2f}" for figure in figures))
    console = Console()
    console.print(table)
    console.print(
        f"best width: plain {plain_width}, prepared {width}; {prepared.folded} batch norms folded, "
        f"probabilities within {prepared.error:.0e}"
    )
    contenders = ["gradient_cams"]
    contenders += ["pytorch_grad_cam"] if have("pytorch_grad_cam") else []
    contenders += ["torch_cam"] if have("torchcam") else []
    for name in contenders:
        console.print(f"peak memory, {name}: {peak_memory(given.model, given.images, name):.0f} MiB")


if __name__ == "__main__":
    main()
