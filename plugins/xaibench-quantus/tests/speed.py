"""Time of Quantus's metrics beside ours, of the same maps; prints README's table.

Seconds of the process, not of the clock, so that what else the machine does is not counted.
"""

from dataclasses import replace
from statistics import median
from time import process_time

import torch
from xaibench_models.scenes import scenes_cnn
from xaibench_quantus import xaibench_metrics

from xaibench.api.batch import Batch, Preprocess
from xaibench.api.region import Region
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again
from xaibench.engine.evaluate.stream import Stream, Task
from xaibench.testing.metrics.metric_trial import EVIDENCE

SIDE, COUNT, ROUNDS = 224, 4, 3
PAIRS = (
    ("quantus-lib-sparseness", "sparseness"),
    ("quantus-lib-complexity", "complexity"),
    ("quantus-lib-pointing-game", "quantus-pointing-game"),
    ("quantus-lib-relevance-mass-accuracy", "relevance-mass"),
    ("quantus-lib-relevance-rank-accuracy", "relevance-rank"),
    ("quantus-lib-pixel-flipping", "quantus-pixel-flipping"),
)


def main() -> None:
    """Print a table in Markdown."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(COUNT, SIDE, SIDE, generator=generator)
    images = torch.randn(COUNT, 3, SIDE, SIDE, generator=generator)
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[60:160, 50:170] = True
    region = Region((SIDE, SIDE), (0, 0, SIDE, SIDE), (), mask)
    names = tuple(map(str, range(COUNT)))
    targets = torch.zeros(COUNT, dtype=torch.long)
    batch = Batch(names, images, targets, (0,) * COUNT, (region,) * COUNT, Preprocess((SIDE, SIDE)))
    classifier = scenes_cnn()
    metrics = {**installed().metrics, **{spec.name: spec for spec in xaibench_metrics()}}

    def spent(name: str) -> float:
        spec = metrics[name]
        more = (Again(EVIDENCE, classifier, 16),) if "explainer" in spec.needs else ()
        began = process_time()
        returned = spec.load()(maps.clone(), replace(batch), *more)
        if hasattr(returned, "send"):
            (answer,) = Stream(classifier.logits, 16).drive([Task(returned, batch, "speed")])
            if answer.error:
                raise answer.error
        return 1e3 * (process_time() - began) / COUNT

    print("| theirs | ms a map | ours | ms a map |")
    print("| --- | --: | --- | --: |")
    for theirs, ours in PAIRS:
        rounds = 1 if "flipping" in theirs else ROUNDS
        if rounds > 1:
            spent(theirs), spent(ours)  # imports, which are done once
        seconds = [median(spent(name) for _ in range(rounds)) for name in (theirs, ours)]
        print(f"| `{theirs}` | {seconds[0]:.1f} | `{ours}` | {seconds[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
