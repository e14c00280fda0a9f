"""The cost of the boxes of all thresholds: MaxBoxAccV2's way against labelling a hundred times.

Milliseconds of CPU a map of 224 x 224: `python benchmarks/boxes.py`.
"""

from collections.abc import Callable
from time import process_time

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy import ndimage
from xaibench_metrics.localisation.max_box_acc import THRESHOLDS, boxes_by_threshold

TIMES = 10


def labelled(saliency: np.ndarray) -> None:
    image = (saliency * 255).astype(np.uint8)
    for k in range(THRESHOLDS):
        ndimage.find_objects(ndimage.label(image > k * 255 // 100, np.ones((3, 3)))[0])


def cam(cells: int, floor: float = 0.0) -> np.ndarray:
    drawn = torch.rand(1, 1, cells, cells, generator=torch.Generator().manual_seed(0)).double()
    whole = F.interpolate(drawn, (224, 224), mode="bilinear")[0, 0]
    whole = (whole - whole.min()) / (whole.max() - whole.min())
    return ((whole - floor).relu() / (1 - floor)).numpy()


def milliseconds(function: Callable[[np.ndarray], object], saliency: np.ndarray) -> float:
    function(saliency)
    began = process_time()
    for _ in range(TIMES):
        function(saliency)
    return 1e3 * (process_time() - began) / TIMES


if __name__ == "__main__":
    maps = {
        "7 x 7 cells": cam(7),
        "14 x 14 cells": cam(14),
        "14 x 14 cells, half of it zero": cam(14, 0.5),
        "56 x 56 cells": cam(56),
        "noise": cam(224),
    }
    print(f"{'map':32s}{'hills':>10s}{'labelling':>12s}")
    for name, saliency in maps.items():
        ours, theirs = (milliseconds(f, saliency) for f in (boxes_by_threshold, labelled))
        print(f"{name:32s}{ours:10.1f}{theirs:12.1f}")
