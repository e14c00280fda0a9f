"""Measures each stage's wall time over its limit: forwards made x time of a plain forward.

    python benchmarks/stages.py [--images 16] [--rounds 3] [--write]

For each stage, on the plain network, the prepared copy, and that compiled: the median, least and
greatest of some rounds' ratios to the limit measured in the same round; the time per image; and the peak
memory above that of the loaded network, from a process of its own, which prepares or compiles it, too.
Where `grad-cam` and `torchcam` are installed, the same work done by them stands beside ours.
With --write, each model's table goes to docs/speed.md, and that of the first of all to README; stages
that were not measured this time keep their lines.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from limit import Limit, PlainForward
from marked_blocks import put, rows, table
from peers import peers
from work import Work, conditions, load, measured, peak_memory

from xaibench.api.capture import Capture, SharedPass
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import explain
from xaibench.engine.evaluate.scoring import score
from xaibench.engine.evaluate.stream import Stream
from xaibench.engine.network.prepare import PreparedNetwork

MODELS = ("efficientnet-lite0", "timm:vit_tiny_patch16_224=random")
ROOT = Path(__file__).parent.parent
PAGE, README = ROOT / "docs" / "speed.md", ROOT / "README.md"
GRADIENT = ("cam", "grad-cam", "grad-cam++", "layer-cam", "conceptor-cam")
METRICS = ("insertion-28", "deletion-28")
FIVE = {
    "pytorch-grad-cam": ("grad-cam", "grad-cam++", "layer-cam", "hirescam", "xgrad-cam"),
    "torch-cam": ("cam", "grad-cam", "grad-cam++", "layer-cam", "xgrad-cam"),
}


def gradient_cams(work: Work, network: PreparedNetwork) -> int:
    """Compute the shared pass and five explainers on it."""
    names = [name for name in GRADIENT if name != "cam" or work.classifier.head is not None]
    shared = SharedPass(network.classifier, work.batch.images)
    capture = Capture(work.classifier, work.batch, shared)
    explain(capture, [installed().explainer(name) for name in names], Stream(network.forward, 1))
    return len(work.batch.ids)


def score_cam(work: Work, network: PreparedNetwork) -> int:
    """Compute Score-CAM of every channel that varies."""
    stream = work.stream(network)
    shared = SharedPass(network.classifier, work.batch.images)
    explain(Capture(work.classifier, work.batch, shared), [installed().explainer("score-cam")], stream)
    return stream.forwards + len(work.batch.ids)


def metrics(work: Work, network: PreparedNetwork) -> int:
    """Compute insertion and deletion of three explainers' maps."""
    registry = installed()
    stream = work.stream(network)
    shared = SharedPass(network.classifier, work.batch.images)
    explainers = [registry.explainer(name) for name in ("grad-cam", "layer-cam", "random")]
    explained = explain(Capture(work.classifier, work.batch, shared), explainers, stream)
    policies = [frozenset({"predicted"})] * len(work.batch.ids)
    score(explained, [registry.metric(name) for name in METRICS], policies, work.batch, stream)
    return stream.forwards + len(work.batch.ids)


def of_peer(library: str, names: tuple[str, ...], work: Work) -> int:
    """Compute some explainers of a library, one after another; return the forwards that they need."""
    explainers = peers()[library]
    for name in names:
        explainers[name](work)
    each = channels(work) + 1 if names == ("score-cam",) else 1
    return len(work.batch.ids) * each


def channels(work: Work) -> int:
    """Return the number of channels of the target layer."""
    return Capture(work.classifier, work.batch.select([0])).activations.shape[1]


@dataclass(frozen=True)
class Stage:
    """A stage to measure: `run` does the work and returns the forwards of its limit.

    Args:
        alone: on one image only: the libraries that go image by image take as long for each.
    """

    run: Callable[[Work], int]
    alone: bool = False


def stages() -> dict[str, Stage]:
    """Return all stages that can be measured on this machine, by name."""
    ours: dict[str, Callable[[Work, PreparedNetwork], int]] = {
        "gradient CAMs and Conceptor-CAM": gradient_cams,
        "insertion-28 and deletion-28": metrics,
        "Score-CAM": score_cam,
    }
    by_name: dict[str, Stage] = {}
    for name, stage in ours.items():
        by_name[f"{name}, plain"] = Stage(partial(on_plain, stage))
        by_name[f"{name}, prepared"] = Stage(partial(on_prepared, stage))
        if stage is not gradient_cams:  # which compiles nothing
            by_name[f"{name}, compiled"] = Stage(partial(on_compiled, stage))
    for library in peers():
        if five := FIVE.get(library):
            by_name[f"five CAMs, {library}"] = Stage(partial(of_peer, library, five))
            score_cams = partial(of_peer, library, ("score-cam",))
            by_name[f"Score-CAM, {library}"] = Stage(score_cams, alone=True)
    return by_name


def on_plain(stage: Callable[[Work, PreparedNetwork], int], work: Work) -> int:
    """Run a stage of ours on the plain network."""
    return stage(work, work.plain)


def on_prepared(stage: Callable[[Work, PreparedNetwork], int], work: Work) -> int:
    """Run a stage of ours on the prepared copy, as `xaibench run` does."""
    return stage(work, work.prepared)


def on_compiled(stage: Callable[[Work, PreparedNetwork], int], work: Work) -> int:
    """Run a stage of ours on the prepared copy with a compiled stream, as `--compile` does."""
    return stage(work, work.compiled)


def spread(figures: Sequence[float]) -> str:
    """Return the median, least and greatest of some numbers, as text."""
    return f"{statistics.median(figures):.2f} ({min(figures):.2f} to {max(figures):.2f})"


def report(model: str, images: int, rounds: int, only: str) -> str:
    """Return a Markdown table with a row for each stage."""
    work = load(model, images)
    tokens = work.classifier.target_layer.layout != "channels first"
    chosen = {
        name: stage
        for name, stage in stages().items()
        if only in name and not (tokens and "torch-cam" in name)  # which knows no tokens
    }
    given = {name: (stage.run, work.first(1) if stage.alone else work) for name, stage in chosen.items()}
    lines = []
    for name, timing in zip(chosen, measured(given, rounds), strict=True):
        count = 1 if chosen[name].alone else images
        ms = 1e3 * statistics.median(timing.seconds) / count
        memory = peak_memory(model, count, chosen[name].run)
        cells = [
            str(count),
            f"{timing.forwards:,}",
            spread(timing.ratios),
            f"{ms:,.0f}",
            f"{memory:,.0f}",
        ]
        lines.append([name, *cells])
    before = {line[0]: line for line in rows(PAGE, f"stages {model}")}
    places = {name: place for place, name in enumerate(stages())}
    lines = list((before | {line[0]: line for line in lines}).values())
    lines.sort(key=lambda line: places.get(line[0], len(places)))
    columns = ("stage", "images", "forwards", "multiple of the limit", "ms an image", "peak MiB")
    changes = work.prepared.changes
    place = "from the last attention on" if changes.asks_alone else "behind the last attention"
    alone = f", and the class token runs alone {place}" * changes.alone
    return (
        f"**{model}**\n\n{table(columns, lines)}\n\nThe prepared copy has {changes.folded} batch "
        f"norms folded, {changes.fused} activations fused and {changes.at_once} "
        f"{'bias' if changes.at_once == 1 else 'biases'} added at once{alone}; its probabilities are "
        f"within {work.prepared.error:.0e} of the plain network's, its activations and gradients within "
        f"{work.prepared.layer_error:.0e} of the largest. {plain_forwards(work)}"
    )


def plain_forwards(work: Work) -> str:
    """Return a sentence on the time of a plain forward in a process of its own, and in ours."""
    limit = Limit(work.classifier)
    assert work.classifier.preprocess is not None
    here = PlainForward(work.classifier.network, work.classifier.preprocess.size)
    seconds = [(limit.forward(), here.seconds()) for _ in range(3)]
    alone, ours = (1e3 * statistics.median(taken) for taken in zip(*seconds, strict=True))
    return (
        f"A plain forward takes {alone:.1f} ms an image in a process of its own, in passes of "
        f"{limit.width}, which is the limit's; {ours:.1f} ms here, where freed memory is kept, in "
        f"passes of {here.width}."
    )


def main() -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="stages whose name has this in it")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args()
    how = conditions(given.rounds)
    for model in given.models:
        text = f"{report(model, given.images, given.rounds, given.only)}\n\n{how}"
        print(f"{text}\n", flush=True)
        if given.write:
            put(PAGE, f"stages {model}", text)
            if model == MODELS[0]:
                put(README, "stages", text)


if __name__ == "__main__":
    main()
