"""A control: the same map at another contrast.

What masks the image with a map (Average Drop, Increase, Gain) and what weighs it (energy) depend on how
bright it is on the whole; insertion, deletion and pointing depend on the order of its pixels alone. A
method that claims to see more must beat its base at the same contrast.
"""

from xaibench.api.capture import Capture
from xaibench.api.maps import rescale, upsample
from xaibench.api.types import GridMaps, Maps
from xaibench_explainers.composed import Explain, followed


def contrast(explainer: Explain, exponent: float) -> Explain:
    """`explainer`, its map on [0, 1] at the images' size raised to a power.

    Args:
        explainer: from a capture to maps of any resolution, at once or by asking for forwards.
        exponent: above 0; below 1 brightens, above 1 darkens. The order of the pixels is kept.

    Raises:
        ValueError: the exponent is not above 0.
    """
    if not exponent > 0:
        raise ValueError(f"exponent is {exponent}; it must be above 0")

    def read(capture: Capture, maps: GridMaps) -> Maps:
        raised: Maps = rescale(upsample(maps, capture.batch.images.shape[2:])) ** exponent
        return raised

    return followed(explainer, read)
