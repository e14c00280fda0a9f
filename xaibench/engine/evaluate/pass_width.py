"""How many images a pass takes, measured: on a CPU few are often best, on a GPU many."""

from collections.abc import Mapping
from math import inf
from statistics import median
from time import perf_counter

from xaibench.api.types import Images
from xaibench.engine.device.memory import out_of_memory
from xaibench.engine.evaluate.stream import BUILT_BYTES, Forward

PATIENCE = 3  # doublings in a row without a gain, after which no wider pass is tried
WORTH = 0.97  # of a narrower pass's cost: a wider one must be worth its memory
NEAR = 1.2  # of the least cost: what may turn out to be best
ROUNDS = 8


def best_width(forward: Forward, image: Images, widest: int = 64, seconds: float = 3.0) -> int:
    """The pass width at which a forward costs least per image, by a short measurement.

    On a CPU it is often small: large activations are returned to the system and faulted in again.
    A width at which memory runs out is not taken, nor anything wider tried. A machine's speed drifts
    within seconds, so widths take turns: all of them twice, then those alone that are near the least.

    Args:
        forward: images to logits.
        image: (1, 3, H, W), one image of the size to come.
        widest: the largest width tried.
        seconds: after which no third pass of a width is begun; in a third of them what to try is found.

    Raises:
        Exception: what `forward` raises of one image, and all but a lack of memory of more.
    """
    forward(image)
    began = perf_counter()
    first = _first_look(forward, image, widest, seconds / 3)
    second = {width: _cost(forward, image, width) for width in first}
    lesser = {width: min(first[width], second[width]) for width in first if second[width] < inf}
    near = [width for width in lesser if lesser[width] < NEAR * min(lesser.values())]
    costs = {width: [second[width]] for width in near}
    for width in near * ROUNDS if len(near) > 1 else []:
        if perf_counter() - began > seconds:
            break
        costs[width].append(_cost(forward, image, width))
    fits = {width: median(seconds) for width, seconds in costs.items() if max(seconds) < inf}
    return _narrowest(fits or {1: lesser[1]})


def _first_look(forward: Forward, image: Images, widest: int, seconds: float) -> dict[int, float]:
    """Seconds an image by width, of one pass each, which is the one that touches new memory.

    Args:
        forward: images to logits.
        image: (1, 3, H, W).
        widest: the largest width tried.
        seconds: a width whose pass would not end in them is not begun.
    """
    costs: dict[int, float] = {}
    began, width, expected = perf_counter(), 1, 0.0
    while width == 1 or (
        width <= min(widest, _narrowest(costs) << PATIENCE)
        and perf_counter() - began + expected < seconds
    ):
        cost = _cost(forward, image, width)
        if cost == inf:
            break
        costs[width] = cost
        width *= 2
        expected = width * min(costs.values())
    return costs


def _narrowest(costs: Mapping[int, float]) -> int:
    """The width that no wider one of those is worth leaving for."""
    best, *wider = sorted(costs)
    for width in wider:
        if costs[width] < WORTH * costs[best]:
            best = width
    return best


def _cost(forward: Forward, image: Images, width: int) -> float:
    """Seconds an image, right after images were built, which drives the weights out of caches.

    Infinite where memory runs out, but for one image, without which nothing can be done.
    """
    try:
        built = image.repeat(max(width, BUILT_BYTES // (image.numel() * image.element_size())), 1, 1, 1)
        began = perf_counter()
        forward(built[:width]).sum().item()  # .item() waits for the device
    except Exception as error:
        if width == 1 or not out_of_memory(error):
            raise
        return inf
    return (perf_counter() - began) / width
