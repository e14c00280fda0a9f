"""Write the deviations of a run's modes from the usual one into docs/modes.md.

    PYTHONPATH=benchmarks python docs/make_modes_table.py

The same maps, of float32 captures, are scored by the prepared network, in bfloat16, and compiled.
"""

import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import torch
from make_adaptive_table import curves_of, scored_of, trials
from marked_blocks import put
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.engine.network.modes import compiled, in_bf16
from xaibench.engine.network.prepare import PreparedNetwork, prepare_network
from xaibench.engine.tools.single import explain

PAGE = Path(__file__).with_name("modes.md")
GIVEN = (("scenes-cnn", "scenes", 8), ("efficientnet-lite0", "cutouts", 3))
EXPLAINERS = ("grad-cam", "layer-cam", "hirescam", "random")
METRICS = ("insertion-28", "deletion-28")
HEAD = (
    "| model, data | mode | probabilities, mean difference | largest | areas, mean difference | "
    "largest | pairs of maps in the same order |\n| --- | --- | --- | --- | --- | --- | --- |\n"
)

Scores = dict[str, Tensor]  # (explainers, images), by metric
Curves = Tensor  # every probability on every curve


def main() -> None:
    """Measure all and write the table."""
    warnings.simplefilter("ignore")
    rows = ""
    for line in (line for given in GIVEN for line in lines(*given)):
        rows += line
        print(line, end="", flush=True)
    origin = f"Written by `python docs/make_modes_table.py`, torch {torch.__version__}, on a CPU.\n\n"
    put(PAGE, "parity", f"{origin}{HEAD}{rows}".rstrip())


def lines(model: str, data: str, count: int) -> Iterator[str]:
    """Yield a row of the table for each mode."""
    classifier: Classifier = installed().model(model).load()()
    batches = list(trials(classifier, data, count))
    image = batches[0].images[:1]
    usual = prepare_network(classifier, image)
    maps = [[explain(classifier, b.images, name, b.targets) for name in EXPLAINERS] for b in batches]
    expected = scored(usual, batches, maps)
    modes = {"bf16": in_bf16(usual, image), "compiled": compiled(usual, classifier, image)}
    for mode, network in modes.items():
        how = f"{mode} ({network.compiled_by or 'autocast'})"
        if network.why_uncompiled:
            yield f"| {model}, {count} of {data} | {mode} | {network.why_uncompiled} | | | | |\n"
            continue
        results = scored(network, batches, maps)
        apart = (results[1] - expected[1]).abs()
        areas = torch.cat([(results[0][m] - expected[0][m]).abs().flatten() for m in METRICS])
        same = [agreement(results[0][metric], expected[0][metric]) for metric in METRICS]
        alike, pairs = (sum(column) for column in zip(*same, strict=True))
        cells = (
            f"{model}, {count} of {data}",
            how,
            *(f"{value:.1e}" for value in (apart.mean(), apart.max(), areas.mean(), areas.max())),
            f"{alike} of {pairs}",
        )
        yield f"| {' | '.join(cells)} |\n"


def scored(
    network: PreparedNetwork, batches: list[Batch], maps: list[list[Tensor]]
) -> tuple[Scores, Curves]:
    """Score all maps by all metrics; return scores and curves."""
    scores: dict[str, list[Tensor]] = {metric: [] for metric in METRICS}
    curves = []
    for batch, own in zip(batches, maps, strict=True):
        for metric in METRICS:
            tasks = [Task(installed().metric(metric).load()(each, batch), batch) for each in own]
            answers = Stream(network.forward, 4).drive(tasks)
            scores[metric].append(torch.stack([scored_of(answer).scores for answer in answers]))
            curves += [curves_of(answer).flatten() for answer in answers]
    return {metric: torch.cat(parts, 1) for metric, parts in scores.items()}, torch.cat(curves)


def agreement(ours: Tensor, theirs: Tensor) -> tuple[int, int]:
    """Return the number of pairs of explainers on an image in the same order, and of all pairs."""
    pairs = list(combinations(range(len(ours)), 2))
    alike = sum(int(((ours[a] > ours[b]) == (theirs[a] > theirs[b])).sum()) for a, b in pairs)
    return alike, len(pairs) * ours.shape[1]


if __name__ == "__main__":
    main()
