"""A run of some images in a process of its own, `python peak.py IMAGES FOLDER`: prints its peak in KiB.

The images are larger than the other toys': the pixels or the maps of many are too much to hide.
"""

import re
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import toys
from PIL import Image
from torch import nn

from xaibench.api import Dataset, Model
from xaibench.api.batch import Example, Preprocess
from xaibench.api.resolve import classifier_of
from xaibench.engine.plan.config import Config, Grid
from xaibench.engine.run.run import run
from xaibench.engine.work.observer import Observer

SIDE = 96


def model():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3, stride=4, padding=1)
    network = nn.Sequential(
        convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, toys.CLASSES)
    )
    return classifier_of(network.eval(), (SIDE, SIDE), Preprocess((SIDE, SIDE)))


def picture(number):
    noise = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def many(root=None, count=1):
    boxes = ((2, 2, 9, 9),)
    return [Example(f"{i}", partial(picture, i), i % toys.CLASSES, boxes=boxes) for i in range(count)]


@dataclass
class Peak(Observer):
    """What the process had taken at most when the last images were written."""

    kib: int = 0

    def done(self, images, resumed):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        self.kib = int(found[1])


def main(count, folder):
    torch.set_num_threads(1)
    registry = replace(
        toys.registry("activation", "gradient"),
        models={"toy": Model(name="toy", at="peak:model", classes="toys")},
        datasets={
            "many": Dataset(name="many", at="peak:many", classes="toys", settings={"count": count})
        },
    )
    config = Config(
        grid=(Grid(models=("toy",), data=("many",)),),
        explainers=("activation", "gradient"),
        metrics=("deletion-28", "pointing-game"),
        width=8,
        gallery=0,
    )
    peak = Peak()
    results = run(config, folder, observer=peak, registry=registry)
    assert results.scores["image"].nunique() == count
    print(peak.kib)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
