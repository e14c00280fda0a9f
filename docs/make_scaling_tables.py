"""Write the forecast for ImageNet's validation images into docs/scaling.md.

    PYTHONPATH=benchmarks python docs/make_scaling_tables.py [--price 2]

Forwards are those that `xaibench run --dry-run` foretells, held against those that a small run counts;
forwards a second are measured here, of the prepared network in its best pass width. For GPUs, of which
none is here, the hours are a formula's, for rates that are assumed and named.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from marked_blocks import put, table
from work import facts_of_run

from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.pass_width import best_width
from xaibench.engine.network.prepare import prepare_network
from xaibench.engine.plan.config import Config, Grid, default_config
from xaibench.engine.run.forecast import Forecast, forecast

PAGE = Path(__file__).with_name("scaling.md")
MODELS = {
    "EfficientNet-Lite0": "efficientnet-lite0",
    "ResNet-50": "timm:resnet50=random",
    "ViT-S/16": "timm:vit_small_patch16_224=random",
}
DEFAULT = tuple(default_config()["explainers"])
STEPS_28 = ("insertion-28", "deletion-28", "pointing-game")
WORK = {
    "the default": (DEFAULT, STEPS_28),
    "without Score-CAM": (tuple(name for name in DEFAULT if name != "score-cam"), STEPS_28),
    "224 steps": (DEFAULT, ("insertion", "deletion", "pointing-game")),
}
IMAGES, GRID_MODELS = 50_000, 10
PLANNED = 3  # images, all of which the plan tries
GPUS = (1, 8, 64)
ASSUMED = (1_000, 3_000, 10_000)  # forwards a second of one GPU
CHECKED = (
    ("efficientnet-lite0", "cutouts", 3),
    ("scenes-cnn", "scenes", 8),
    ("scenes-vit", "scenes", 8),
)


Work = tuple[tuple[str, ...], tuple[str, ...]]  # explainers and metrics


@dataclass(frozen=True)
class Rate:
    """The speed of a network on this machine.

    Args:
        width: images a pass.
        a_second: forwards a second.
    """

    width: int
    a_second: float


def foretold(model: str, data: str, what: Work, limit: int) -> Forecast:
    """Return the forecast of one block."""
    explainers, metrics = what
    config = Config(
        grid=(Grid(models=(model,), data=(data,)),),
        explainers=explainers,
        metrics=metrics,
        limit=limit,
        width=1,
        device="cpu",
    )
    (block_forecast,) = forecast(config)
    if block_forecast.problem:
        raise SystemExit(f"{model}: {block_forecast.problem}")
    return block_forecast


def rate(model: str) -> Rate:
    """Measure the prepared network at its best pass width."""
    classifier = installed().model(model).load()()
    image = torch.zeros(1, 3, *classifier.preprocess.size)
    network = prepare_network(classifier, image)
    width = best_width(network.forward, image)
    images = image.expand(width, -1, -1, -1).contiguous()
    spent = []
    for _ in range(5):
        began = perf_counter()
        network.forward(images)
        spent.append(perf_counter() - began)
    return Rate(width, width / min(spent))


def plan_table() -> tuple[str, dict[str, int]]:
    """Return a table of forwards an image, and the forwards of the default by network."""
    lines: list[list[str]] = []
    default: dict[str, int] = {}
    for name, model in MODELS.items():
        for work, what in WORK.items():
            planned = foretold(model, "cutouts", what, limit=PLANNED)
            stages = [
                round(planned.forwards[stage] / PLANNED)
                for stage in ("shared pass", "explainers", "metrics")
            ]
            total = sum(stages)
            default |= {name: total} if work == "the default" else {}
            whole = total * IMAGES * GRID_MODELS
            lines.append([name, work, *(f"{count:,}" for count in (*stages, total)), f"{whole:.1e}"])
    columns = ("network", "work", "shared pass", "explainers", "metrics", "forwards an image")
    return table((*columns, f"{IMAGES:,} images, {GRID_MODELS} such models"), lines), default


def hours_table(default: dict[str, int], rates: dict[str, Rate], price: float) -> str:
    """Return a table of the hours and dollars of the default work."""
    lines = []
    for name, forwards in default.items():
        whole = forwards * IMAGES * GRID_MODELS
        here = whole / rates[name].a_second / 3600
        measured = f"{rates[name].a_second:,.0f} (these {torch.get_num_threads()} cores, measured)"
        lines.append([name, measured, f"{here:,.0f}", *["-"] * (len(GPUS) - 1), "-"])
        for assumed in ASSUMED:
            hours = whole / assumed / 3600
            each = [f"{hours / gpus:,.1f}" for gpus in GPUS]
            lines.append([name, f"{assumed:,} (assumed, a GPU)", *each, f"{hours * price:,.0f}"])
    columns = ("network", "forwards a second of one", *(f"hours on {gpus}" for gpus in GPUS))
    return table((*columns, f"cost at {price:g} an hour"), lines)


def check_table() -> str:
    """Return a table of forecast and counted forwards, stage by stage, of small runs."""
    lines = []
    for model, data, limit in CHECKED:
        plan = foretold(model, data, WORK["the default"], limit)
        explainers, metrics = WORK["the default"]
        facts = facts_of_run(model, data, explainers=explainers, metrics=metrics, limit=limit, gallery=0)
        for stage, count in facts["forwards"].items():
            predicted = plan.forwards[stage]
            lines.append([f"{model} on {data}, {limit}", stage, f"{predicted:,}", f"{count:,}"])
    return table(("run", "stage", "foretold", "counted"), lines)


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--price", type=float, default=2.0, help="of a GPU's hour")
    given = arguments.parse_args()
    rates = {name: rate(model) for name, model in MODELS.items()}
    plans, default = plan_table()
    put(PAGE, "forwards", plans)
    put(PAGE, "hours", hours_table(default, rates, given.price))
    put(PAGE, "check", check_table())


if __name__ == "__main__":
    main()
