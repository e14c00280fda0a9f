"""How many images a pass takes, measured: on a CPU few are often best, on a GPU many."""

from time import perf_counter

from xaibench.api.types import Images
from xaibench.engine.stream import Forward

PATIENCE = 2  # doublings in a row without a gain, after which no wider pass is tried


def best_width(forward: Forward, image: Images, widest: int = 64, seconds: float = 6.0) -> int:
    """The pass width at which a forward costs least per image, by a short measurement.

    On a CPU it is often small: large activations are returned to the system and faulted in again.

    Args:
        forward: images to logits.
        image: (1, 3, H, W), one image of the size to come.
        widest: the largest width tried.
        seconds: about how long to measure in all.
    """
    forward(image)
    began = perf_counter()
    best, least = 1, float("inf")
    width = 1
    while width <= min(widest, best << PATIENCE) and perf_counter() - began < seconds:
        images = image.expand(width, -1, -1, -1).contiguous()
        cost = min(_timed(forward, images) for _ in range(3)) / width
        if cost < 0.97 * least:  # a wider pass must be worth its memory
            best, least = width, cost
        width *= 2
    return best


def _timed(forward: Forward, images: Images) -> float:
    began = perf_counter()
    forward(images).sum().item()  # .item() waits for the device
    return perf_counter() - began
