"""Write the savings and errors of adaptive insertion and deletion into docs/metrics-perturbation.md.

    PYTHONPATH=benchmarks python docs/make_adaptive_table.py [CURVES]

Every map is scored by all steps. The adaptive metric is then run for itself on a stand-in of as many
pixels as the curve has steps, whose network answers from that curve: what both differ by is the true
error. With CURVES, a file, curves that are in it are not made again, and new ones are put there.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from marked_blocks import put
from torch import Tensor, nn
from xaibench_metrics.faithfulness.adaptive import deletion_adaptive

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.api.scored import Scored
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.stream import Answer, Stream, Task
from xaibench.engine.images.pictures import decode
from xaibench.engine.images.trials import batch_of, trials_of
from xaibench.engine.network.prepare import prepare_network
from xaibench.engine.tools.single import explain

PAGE = Path(__file__).with_name("metrics-perturbation.md")
GIVEN = (
    ("scenes-cnn", "scenes", 40),
    ("scenes-vit", "scenes", 40),
    ("efficientnet-lite0", "photos", 6),
    ("efficientnet-lite0", "cutouts", 6),
)
EXPLAINERS = ("grad-cam", "layer-cam", "random")
METRICS = ("insertion", "deletion")
AT_ONCE = 4  # images

Known = dict[tuple[str, str, str, str], Tensor]  # curves by model, data, explainer, metric


@dataclass(frozen=True)
class Measured:
    """Measurements of an explainer's maps on a model and data set by one metric, (n,) each.

    Args:
        where, explainer, metric: whose curves these are.
        every: how many steps a curve has, the start among them.
        steps: of the adaptive one.
        errors: the adaptive area less that of all steps.
        bounds: what the adaptive one's rows state.
        coarse: the error of its first grid alone.
    """

    where: str
    explainer: str
    metric: str
    every: int
    steps: Tensor
    errors: Tensor
    bounds: Tensor
    coarse: Tensor

    def line(self) -> str:
        """Return the row of the table."""
        worst, coarse = self.errors.abs(), self.coarse.abs()
        cells = (
            self.where,
            f"`{self.explainer}`",
            f"`{self.metric}-adaptive`",
            f"{self.steps.mean():.0f} ({self.steps.min():.0f} to {self.steps.max():.0f}) of "
            f"{self.every}",
            f"{worst.mean():.4f}",
            f"{worst.max():.4f}",
            f"{self.bounds.mean():.4f}",
            f"{int((worst > self.bounds).sum())} of {len(worst)}",
            f"{coarse.mean():.4f}",
            f"{coarse.max():.4f}",
        )
        return f"| {' | '.join(cells)} |\n"


class Answering(nn.Module):
    """A network that reads the grey share of an image of ones, and returns a curve's value there."""

    def __init__(self, curve: Tensor) -> None:
        super().__init__()
        self.curve = curve.double()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, (B, 2)."""
        last = len(self.curve) - 1
        probabilities = self.curve[((1 - images.mean((1, 2, 3))) * last).round().long()]
        return torch.stack([probabilities.log(), (1 - probabilities).log()], 1)


def main() -> None:
    """Measure all and write the page."""
    warnings.simplefilter("ignore")
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    known: Known = torch.load(kept, weights_only=True) if kept and kept.exists() else {}
    measured = []
    for model, data, count in GIVEN:
        if (model, data, EXPLAINERS[0], METRICS[0]) not in known:
            known |= curves(model, data, count)
            if kept:
                torch.save(known, kept)
        for explainer, metric in product(EXPLAINERS, METRICS):
            block_curves = known[model, data, explainer, metric]
            measured.append(compared(f"{model}, {count} of {data}", explainer, metric, block_curves))
    put(PAGE, "adaptive", table(measured).rstrip())


def table(measured: Sequence[Measured]) -> str:
    """Return a table with a row for each explainer and metric, below a summary of all."""
    errors = torch.cat([one.errors.abs() for one in measured])
    bounds = torch.cat([one.bounds for one in measured])
    steps = torch.cat([one.steps / one.every for one in measured])
    beyond = int((errors > bounds).sum())
    text = (
        f"Written by `python docs/make_adaptive_table.py`: of {len(errors)} areas, in "
        f"{steps.mean():.0%} of the forwards, {beyond} are further from that of all steps than their "
        f"row states, where the assumption does not hold; the worst is off by {errors.max():.3f}.\n\n"
        "| model, data | maps | metric | forwards a map | true error, mean | worst | "
        "bound stated, mean | beyond it | error of the first 29, mean | worst |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return text + "".join(one.line() for one in measured)


def curves(model: str, data: str, count: int) -> Known:
    """Return the complete curves of every explainer's maps of a data set's first images."""
    classifier: Classifier = installed().model(model).load()()
    batches = list(trials(classifier, data, count))
    network = prepare_network(classifier, batches[0].images[:1])
    by_block: dict[tuple[str, str, str, str], list[Tensor]] = {}
    for batch, explainer in product(batches, EXPLAINERS):
        maps = explain(classifier, batch.images, explainer, batch.targets)
        tasks = [Task(installed().metric(name).load()(maps, batch), batch) for name in METRICS]
        answers = Stream(network.forward, AT_ONCE).drive(tasks)
        for metric, answer in zip(METRICS, answers, strict=True):
            by_block.setdefault((model, data, explainer, metric), []).append(curves_of(answer))
    return {key: torch.cat(parts) for key, parts in by_block.items()}


def scored_of(answer: Answer[Scored]) -> Scored:
    """Return a metric's scores; raise its error where it failed."""
    if answer.value is None:
        raise answer.error or RuntimeError("a metric returned nothing")
    return answer.value


def curves_of(answer: Answer[Scored]) -> Tensor:
    """Return the curves of a metric that keeps them."""
    kept = scored_of(answer).curves
    assert kept is not None
    return kept


def trials(classifier: Classifier, data: str, count: int) -> Iterator[Batch]:
    """Yield batches of a data set's first images, each with its predicted class."""
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = installed().dataset(data).load()()[:count]
    for first in range(0, count, AT_ONCE):
        pictures = [decode((example,), preprocess) for example in examples[first : first + AT_ONCE]]
        images = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
        predicted = classifier.logits(images).argmax(1).tolist()
        batch_trials = trials_of(pictures, predicted, frozenset({"predicted"}))
        yield batch_of(pictures, batch_trials, images, preprocess, 0, predicted)


def compared(where: str, explainer: str, metric: str, curves: Tensor) -> Measured:
    """Measure the adaptive metric on curves (n, steps + 1)."""
    last = curves.shape[1] - 1
    maps = torch.linspace(1, 0, last, dtype=torch.double).view(1, 1, last)
    batch = Batch(("a",), torch.ones(1, 3, 1, last, dtype=torch.double), torch.tensor([0]), (0,))
    ask = installed().metric(f"{metric}-adaptive")
    columns: list[list[float]] = [[], [], [], []]
    for curve in curves:
        # The way from the image to grey is deletion's; insertion's curve is walked along it as well.
        parts = [
            deletion_adaptive(maps, batch, **settings)
            for settings in (dict[str, Any](ask.settings), {**ask.settings, "tolerance": 1.0})
        ]
        answers = Stream(Answering(curve), 64).drive([Task(part, batch) for part in parts])
        fine, coarse = map(scored_of, answers)
        whole = torch.trapezoid(curve.double(), dx=1 / last)
        stated = float(fine.remarks[0].split(" by ")[1].split()[0])
        probes = float((~curves_of(answers[0]).isnan()).sum())
        off = [float(one.scores[0] - whole) for one in (fine, coarse)]
        for column, value in zip(columns, (probes, off[0], stated, off[1]), strict=True):
            column.append(value)
    steps, errors, bounds, first = (torch.tensor(column) for column in columns)
    return Measured(where, explainer, metric, last + 1, steps, errors, bounds, first)


if __name__ == "__main__":
    main()
