"""Times one job from model name to scores: `xaibench run`, and a script of pytorch-grad-cam and Quantus.

    python benchmarks/end_to_end.py [--models NAME ...] [--images 8] [--only xaibench] [--write]

The job: five CAMs of some images, each scored by deletion in 28 steps and by the pointing game. Theirs
is what the two libraries' READMEs say: one method after another, `PixelFlipping` of as many steps, and
`PointingGame`; the network is loaded by us. Ours is all that `xaibench run` does: three controls beside
the five are explained and scored too, the best width is measured, and statistics, gallery and report are
made. Forwards are counted; the limit is that of each one's own. Each works in a process of its own,
whose peak memory is told. With --write, the table goes to docs/speed.md.
"""

import argparse
import multiprocessing
import statistics
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter

import numpy as np
import torch
from limit import Limit
from marked_blocks import put, rows, table
from metrics import load
from peers import PYTORCH_GRAD_CAM, counted, pytorch_grad_cam
from stages import MODELS, PAGE, spread
from work import conditions, facts_of_run, peak_of_process, quietly

EXPLAINERS = ("grad-cam", "grad-cam++", "layer-cam", "hirescam", "xgrad-cam")
METRICS = ("deletion-28", "pointing-game")
CONTROLS = ("random", "center", "edge")  # which every run adds
STEPS = 28


def ours(model: str, data: str, images: int) -> int:
    """Run xaibench into an empty folder; return the forwards that its manifest counts."""
    facts = facts_of_run(model, data, explainers=EXPLAINERS, metrics=METRICS, limit=images)
    return sum(facts["forwards"].values())


def theirs(model: str, data: str, images: int) -> int:
    """Do the same job by the two libraries; return the forwards counted at the network."""
    import quantus

    work = load(model, data, images)
    batch, pixels = work.batch, work.batch.images.numpy()
    masks = np.stack([(region.covered(pixels.shape[2:]) >= 0.5).numpy() for region in batch.regions])
    count = pixels[0, 0].size
    step = next(count // steps for steps in range(STEPS, count + 1) if count % steps == 0)
    quiet = {"disable_warnings": True, "display_progressbar": False}
    metrics = (
        quantus.PixelFlipping(features_in_step=step, **quiet),
        quantus.PointingGame(**quiet),
    )
    with counted(work.classifier.network) as passes, torch.enable_grad():
        for name in EXPLAINERS:
            maps = pytorch_grad_cam(PYTORCH_GRAD_CAM[name], work)[:, None]
            for metric in metrics:
                metric(
                    model=work.classifier.network,
                    x_batch=pixels,
                    y_batch=batch.targets.numpy(),
                    a_batch=maps,
                    s_batch=masks[:, None],
                    device="cpu",
                )
    return sum(passes)


WAYS = {
    "xaibench run": ours,
    "pytorch-grad-cam and Quantus": theirs,
}


def alone(way: Callable[[str, str, int], int], given: tuple[str, str, int]) -> tuple[int, float, float]:
    """Return forwards, seconds and peak memory (MiB) of one way, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_alone, (way, given))


def _alone(way: Callable[[str, str, int], int], given: tuple[str, str, int]) -> tuple[int, float, float]:
    warnings.simplefilter("ignore")
    began = perf_counter()
    forwards = quietly(partial(way, *given))
    return forwards, perf_counter() - began, peak_of_process()


def report(model: str, data: str, images: int, rounds: int, only: str) -> list[list[str]]:
    """Return the rows of the table, one for each way of doing the job."""
    limit = Limit(load(model, data, 1).classifier)
    lines = []
    for name, way in WAYS.items():
        if only not in name:
            continue
        seconds, ratios = [], []
        for _ in range(rounds):
            before = limit.forward()
            forwards, taken, memory = alone(way, (model, data, images))
            seconds.append(taken)
            ratios.append(taken / (forwards * limit.around(before)))
        maps = images * (len(EXPLAINERS) + (len(CONTROLS) if way is not theirs else 0))
        ms = 1e3 * statistics.median(seconds) / maps
        cells = [f"{statistics.median(seconds):.1f}", f"{maps}", f"{ms:,.0f}"]
        lines.append([model, name, f"{forwards:,}", *cells, spread(ratios), f"{memory:,.0f}"])
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--data", default="cutouts")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="ways whose name has this in it")
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    known = {(line[0], line[1]): line for line in rows(PAGE, "end-to-end")}
    for model in given.models:
        lines = report(model, given.data, given.images, given.rounds, given.only)
        known |= {(line[0], line[1]): line for line in lines}
    order = [(model, way) for model in dict.fromkeys(model for model, _ in known) for way in WAYS]
    lines = [known[it] for it in order if it in known]
    columns = ("model", "by", "forwards", "seconds", "maps", "ms a map")
    text = table((*columns, "multiple of the limit", "peak MiB"), lines)
    text += f"\n\n{given.images} images of `{given.data}`, {conditions(given.rounds)}"
    print(text)
    if given.write:
        put(PAGE, "end-to-end", text)


if __name__ == "__main__":
    main()
