"""Wall time of each stage over its limit: forwards made x time per plain forward at the best width.

    python benchmarks/stages.py [--model efficientnet-lite0] [--images 4] [--rounds 5]

For each stage the median, least and greatest of some rounds' ratios to the limit measured in the same
round; the time per image; and the peak memory above that of the loaded network, from a process of its
own. Where `grad-cam` and `torchcam` are installed, the same work done by them stands beside ours.
"""

import argparse
import contextlib
import io
import multiprocessing
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import torch
from limit import WIDTHS, Limit
from rich.console import Console
from rich.table import Table

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.engine.explaining import explain
from xaibench.engine.prepared import PreparedNetwork, as_it_is, prepare_network
from xaibench.engine.registry import installed
from xaibench.engine.scoring import score
from xaibench.engine.stream import Stream
from xaibench.engine.width import best_width

GRADIENT = ("cam", "grad-cam", "grad-cam++", "layer-cam", "conceptor-cam")
METRICS = ("insertion-28", "deletion-28")
PEERS = ("pytorch_grad_cam", "torchcam")


@dataclass(frozen=True)
class Work:
    """What every stage is done on: photographs, each for the class that the network predicts."""

    classifier: Classifier
    batch: Batch
    widths: dict[int, int] = field(default_factory=dict)

    @cached_property
    def plain(self) -> PreparedNetwork:
        """The network as it is."""
        return as_it_is(self.classifier)

    @cached_property
    def prepared(self) -> PreparedNetwork:
        """The prepared copy, made when first asked for."""
        return prepare_network(self.classifier, self.batch.images[:1])

    def stream(self, network: PreparedNetwork) -> Stream:
        """A stream at the network's best width."""
        if id(network) not in self.widths:
            self.widths[id(network)] = best_width(network.forward, self.batch.images[:1])
        return Stream(network.forward, self.widths[id(network)])


def load(model: str, images: int) -> Work:
    """The model and the first photographs, the same ones again where there are not enough."""
    registry = installed()
    classifier: Classifier = registry.model(model).load()()
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = registry.dataset("photos").load()()
    pictures = [examples[i % len(examples)].open() for i in range(images)]
    pixels = torch.stack([preprocess.image(picture) for picture in pictures])
    names = tuple(f"{i}" for i in range(images))
    batch = Batch(names, pixels, classifier.logits(pixels).argmax(1), (0,) * images, (), preprocess)
    return Work(classifier, batch)


def gradient_cams(work: Work, network: PreparedNetwork) -> int:
    """The shared pass and five explainers on it."""
    names = [name for name in GRADIENT if name != "cam" or work.classifier.head is not None]
    shared = SharedPass(network.classifier, work.batch.images)
    capture = Capture(work.classifier, work.batch, shared)
    explain(capture, [installed().explainer(name) for name in names], Stream(network.forward, 1))
    return len(work.batch.ids)


def score_cam(work: Work, network: PreparedNetwork) -> int:
    """Score-CAM of every channel that varies."""
    stream = work.stream(network)
    shared = SharedPass(network.classifier, work.batch.images)
    explain(Capture(work.classifier, work.batch, shared), [installed().explainer("score-cam")], stream)
    return stream.forwards + len(work.batch.ids)


def metrics(work: Work, network: PreparedNetwork) -> int:
    """Insertion and deletion of three explainers' maps."""
    registry = installed()
    stream = work.stream(network)
    shared = SharedPass(network.classifier, work.batch.images)
    explainers = [registry.explainer(name) for name in ("grad-cam", "layer-cam", "random")]
    explained = explain(Capture(work.classifier, work.batch, shared), explainers, stream)
    policies = [frozenset({"predicted"})] * len(work.batch.ids)
    score(explained, [registry.metric(name) for name in METRICS], policies, work.batch, stream)
    return stream.forwards + len(work.batch.ids)


def pytorch_grad_cam(work: Work, names: tuple[str, ...]) -> None:
    """Some of the explainers of `grad-cam`, one after another as its README has it."""
    import pytorch_grad_cam as peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(int(target)) for target in work.batch.targets]
    layer = work.classifier.target_layer.module
    for name in names:
        with getattr(peer, name)(work.classifier.network, [layer]) as method:
            method(work.batch.images, targets)


def pytorch_grad_cam_five(work: Work) -> int:
    """Five CAMs."""
    pytorch_grad_cam(work, ("GradCAM", "GradCAMPlusPlus", "LayerCAM", "HiResCAM", "XGradCAM"))
    return len(work.batch.ids)


def pytorch_grad_cam_score(work: Work) -> int:
    """Score-CAM, which forwards the image masked by every channel."""
    pytorch_grad_cam(work, ("ScoreCAM",))
    return len(work.batch.ids) * (channels(work) + 1)


def torch_cam(work: Work, names: tuple[str, ...]) -> None:
    """Some of the explainers of `torchcam`, one after another as its README has it."""
    from torchcam import methods

    for name in names:
        layer = work.classifier.target_layer.module
        with getattr(methods, name)(work.classifier.network, layer) as method:
            logits = work.classifier.network(work.batch.images)
            method(work.batch.targets.tolist(), logits)


def torch_cam_five(work: Work) -> int:
    """Five CAMs."""
    names = ("CAM", "GradCAM", "GradCAMpp", "LayerCAM", "XGradCAM")
    torch_cam(work, names if work.classifier.head is not None else names[1:])
    return len(work.batch.ids)


def torch_cam_score(work: Work) -> int:
    """Score-CAM, which forwards the image masked by every channel."""
    torch_cam(work, ("ScoreCAM",))
    return len(work.batch.ids) * (channels(work) + 1)


def channels(work: Work) -> int:
    """How many the target layer has."""
    return Capture(work.classifier, work.batch.select([0])).activations.shape[1]


def stages() -> dict[str, Callable[[Work], int]]:
    """Each does its work and returns the forwards of its limit."""
    ours: dict[str, Callable[[Work, PreparedNetwork], int]] = {
        "gradient CAMs and Conceptor-CAM": gradient_cams,
        "Score-CAM": score_cam,
        "insertion-28 and deletion-28": metrics,
    }
    found: dict[str, Callable[[Work], int]] = {}
    for name, stage in ours.items():
        found[f"{name}, plain"] = partial(on_plain, stage)
        found[f"{name}, prepared"] = partial(on_prepared, stage)
    if find_spec(PEERS[0]):
        found["five CAMs, pytorch-grad-cam"] = pytorch_grad_cam_five
        found["Score-CAM, pytorch-grad-cam"] = pytorch_grad_cam_score
    if find_spec(PEERS[1]):
        found["five CAMs, torch-cam"] = torch_cam_five
        found["Score-CAM, torch-cam"] = torch_cam_score
    return found


def on_plain(stage: Callable[[Work, PreparedNetwork], int], work: Work) -> int:
    """A stage of ours on the network as it is."""
    return stage(work, work.plain)


def on_prepared(stage: Callable[[Work, PreparedNetwork], int], work: Work) -> int:
    """A stage of ours on the prepared copy, as `xaibench run` has it."""
    return stage(work, work.prepared)


def quietly(work: Callable[[], int]) -> int:
    """Without the progress bars of others."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return work()


def peak_memory(model: str, images: int, name: str) -> float:
    """MiB above the loaded network at the peak of one stage, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (model, images, name))


def _peak_memory(model: str, images: int, name: str) -> float:
    for peer in PEERS:
        if find_spec(peer):
            import_module(peer)
    stage, work = stages()[name], load(model, images)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is forgotten
    except OSError:
        return float("nan")  # not Linux
    before = _status("VmRSS")
    quietly(partial(stage, work))
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="stages whose name has this in it")
    given = parser.parse_args()
    work = load(given.model, given.images)
    limit = Limit(work.classifier)
    chosen = {name: stage for name, stage in stages().items() if given.only in name}
    ratios: dict[str, list[float]] = {name: [] for name in chosen}
    spent: dict[str, list[float]] = {name: [] for name in chosen}
    forwards: dict[str, int] = {}
    for turn in range(given.rounds + 1):
        for name, stage in chosen.items():
            before = limit.forward()
            began = perf_counter()
            forwards[name] = quietly(partial(stage, work))
            took = perf_counter() - began
            if turn:  # the first is to warm up
                spent[name].append(took)
                ratios[name].append(took / (forwards[name] * min(before, limit.forward())))
    table = Table(title=f"{given.model}, {given.images} images: wall time over its limit")
    for column in ("stage", "forwards", "median", "least", "most", "ms", "MiB"):
        left = column == "stage"
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    for name, found in ratios.items():
        figures = (statistics.median(found), min(found), max(found))
        ms = 1e3 * statistics.median(spent[name]) / given.images
        memory = peak_memory(given.model, given.images, name)
        row = [f"{figure:.2f}" for figure in figures] + [f"{ms:.0f}", f"{memory:.0f}"]
        table.add_row(name, str(forwards[name]), *row)
    console = Console(width=105)
    console.print(table)
    console.print("ms: of one image; MiB: peak above that of the loaded network")
    prepared = work.prepared
    console.print(
        "limit: forwards x time of one plain float32 forward at the best of the widths "
        f"{', '.join(map(str, WIDTHS))}; {torch.get_num_threads()} threads\n"
        f"prepared copy: {prepared.folded} batch norms folded; probabilities within "
        f"{prepared.error:.0e}, activations and gradients within {prepared.layer_error:.0e} of the "
        "largest"
    )


if __name__ == "__main__":
    main()
