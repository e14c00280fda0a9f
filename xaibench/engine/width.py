"""How many images a pass takes, measured: on a CPU few are often best, on a GPU many."""

from time import perf_counter

from xaibench.api.types import Images
from xaibench.engine.memory import out_of_memory
from xaibench.engine.stream import BUILT_BYTES, Forward

PATIENCE = 2  # doublings in a row without a gain, after which no wider pass is tried
WORTH = 0.97  # of the least cost so far: a wider pass must be worth its memory


def best_width(forward: Forward, image: Images, widest: int = 64, seconds: float = 1.5) -> int:
    """The pass width at which a forward costs least per image, by a short measurement.

    On a CPU it is often small: large activations are returned to the system and faulted in again.
    Where memory runs out, nothing wider is tried.

    Args:
        forward: images to logits.
        image: (1, 3, H, W), one image of the size to come.
        widest: the largest width tried.
        seconds: after which no wider pass is begun.
    """
    forward(image)
    began = perf_counter()
    best, least = 1, float("inf")
    width = 1
    while width <= min(widest, best << PATIENCE) and perf_counter() - began < seconds:
        try:
            cost = _cost(forward, image, width, WORTH * least)
        except Exception as error:
            if width == 1 or not out_of_memory(error):
                raise
            break
        if cost < WORTH * least:
            best, least = width, cost
        width *= 2
    return best


def _cost(forward: Forward, image: Images, width: int, wanted: float) -> float:
    """Seconds an image: the least of two passes, or of three where those came below `wanted`."""
    cost = min(_timed(forward, image, width) for _ in range(2))
    if cost < wanted * width:
        cost = min(cost, _timed(forward, image, width))
    return cost / width


def _timed(forward: Forward, image: Images, width: int) -> float:
    """Seconds of a pass right after images were built, which have driven the weights out of caches."""
    built = image.repeat(max(width, BUILT_BYTES // (image.numel() * image.element_size())), 1, 1, 1)
    began = perf_counter()
    forward(built[:width]).sum().item()  # .item() waits for the device
    return perf_counter() - began
