"""Writes what adaptive insertion and deletion save and miss into docs/metrics-perturbation.md.

    python docs/make_adaptive_table.py

Every map is scored by all 225 steps and adaptively; what they differ by is the true error.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.classifier import Classifier
from xaibench.engine.prepared import prepare_network
from xaibench.engine.registry import installed
from xaibench.engine.single import explain
from xaibench.engine.stream import Forward, Stream, Task
from xaibench.engine.trials import batch_of, decode, trials_of

PAGE = Path(__file__).with_name("metrics-perturbation.md")
BEGIN, END = "<!-- adaptive -->", "<!-- end -->"
GIVEN = (
    ("scenes-cnn", "scenes", 40),
    ("scenes-vit", "scenes", 40),
    ("efficientnet-lite0", "cutouts", 2),
)
EXPLAINERS = ("grad-cam", "layer-cam", "random")
METRICS = ("insertion", "deletion")
AT_ONCE = 4  # images


@dataclass(frozen=True)
class Measured:
    """An explainer's maps on a model and data set, by one metric; (n,) each.

    Args:
        forwards: of the adaptive one and of all steps, a map.
        errors: the adaptive area less that of all steps.
        bounds: what the adaptive one's rows state.
        coarse: the error of the 28 steps of `-28`, beside it.
    """

    where: str
    explainer: str
    metric: str
    steps: Tensor
    every: int
    errors: Tensor
    bounds: Tensor
    coarse: Tensor

    def line(self) -> str:
        """One row of the table."""
        worst = self.errors.abs()
        cells = (
            self.where,
            f"`{self.explainer}`",
            f"`{self.metric}-adaptive`",
            f"{self.steps.mean():.0f} ({self.steps.min():.0f} to {self.steps.max():.0f})",
            f"{worst.mean():.4f}",
            f"{worst.max():.4f}",
            f"{self.bounds.mean():.4f}",
            f"{int((worst > self.bounds).sum())} of {len(worst)}",
            f"{self.coarse.abs().mean():.4f}",
            f"{self.coarse.abs().max():.4f}",
        )
        return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Measure all and write the page."""
    warnings.simplefilter("ignore")
    measured = [one for given in GIVEN for one in measure(*given)]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(measured)}{END}{after}", encoding="utf-8")


def table(measured: Sequence[Measured]) -> str:
    """A line an explainer and metric, and what holds of them all."""
    errors = torch.cat([one.errors.abs() for one in measured])
    bounds = torch.cat([one.bounds for one in measured])
    steps = torch.cat([one.steps / one.every for one in measured])
    beyond = int((errors > bounds).sum())
    said = (
        f"Written by `python docs/make_adaptive_table.py`: of {len(errors)} areas, in "
        f"{steps.mean():.0%} of the forwards, {beyond} are further from that of all steps than their "
        f"row states, where the assumption does not hold; the worst is off by {errors.max():.3f}.\n\n"
        "| model, data | maps | metric | forwards, of 225 or (scenes) 217 | true error, mean | worst | "
        "bound stated, mean | beyond it | error of `-28`, mean | worst |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return said + "".join(one.line() for one in measured)


def measure(model: str, data: str, count: int) -> Iterator[Measured]:
    """Every explainer and metric on the first images of a data set."""
    classifier: Classifier = installed().model(model).load()()
    batches = list(trials(classifier, data, count))
    network = prepare_network(classifier, batches[0].images[:1])
    for explainer in EXPLAINERS:
        for metric in METRICS:
            parts = [
                compared(classifier, network.forward, batch, explainer, metric) for batch in batches
            ]
            columns = [torch.cat(column) for column in zip(*(part[:4] for part in parts), strict=True)]
            where = f"{model}, {count} of {data}"
            steps, errors, bounds, coarse = columns
            yield Measured(where, explainer, metric, steps, parts[0][4], errors, bounds, coarse)


def trials(classifier: Classifier, data: str, count: int) -> Iterator[Batch]:
    """The first images of a data set, each asked about the class that is predicted."""
    preprocess = classifier.preprocess
    assert preprocess is not None
    examples = installed().dataset(data).load()()[:count]
    for first in range(0, count, AT_ONCE):
        pictures = [decode((example,), preprocess) for example in examples[first : first + AT_ONCE]]
        images = torch.stack([picture.pixels for picture in pictures if picture.pixels is not None])
        predicted = classifier.logits(images).argmax(1).tolist()
        asked = trials_of(pictures, predicted, frozenset({"predicted"}))
        yield batch_of(pictures, asked, images, preprocess, 0, predicted)


def compared(
    classifier: Classifier, forward: Forward, batch: Batch, explainer: str, metric: str
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Steps, errors, bounds stated and the 28 steps' errors, (B,) each, and how many steps there are."""
    maps = explain(classifier, batch.images, explainer, batch.targets)
    names = [f"{metric}{suffix}" for suffix in ("-adaptive", "", "-28")]
    tasks = [Task(installed().metric(name).load()(maps, batch), batch) for name in names]
    adaptive, every, coarse = (answer.value for answer in Stream(forward, AT_ONCE).drive(tasks))
    stated = [float(said.split(" by ")[1].split()[0]) for said in adaptive.remarks.values()]
    return (
        (~adaptive.curves.isnan()).sum(1).float(),
        adaptive.scores - every.scores,
        torch.tensor(stated),
        coarse.scores - every.scores,
        every.curves.shape[1],
    )


if __name__ == "__main__":
    main()
