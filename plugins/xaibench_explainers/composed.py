"""An explainer followed by something done to its maps: what modifiers are made of."""

from collections.abc import Callable, Generator
from functools import wraps

from torch import Tensor

from xaibench.api import PluginError
from xaibench.api.capture import Capture
from xaibench.api.types import Curves, GridMaps
from xaibench.api.variants import Asks, Variants

Explain = Callable[[Capture], "GridMaps | Asks[GridMaps]"]


def followed(explainer: Explain, read: Callable[[Capture, Tensor], GridMaps]) -> Explain:
    """`explainer`, its maps handed to `read`; asks for the forwards that it asks for."""

    @wraps(explainer)
    def explain(capture: Capture) -> GridMaps | Asks[GridMaps]:
        said = explainer(capture)
        if isinstance(said, Generator):
            return asking(said, capture)
        return read(capture, one_each(said, capture))

    def asking(said: Asks[GridMaps], capture: Capture) -> Generator[Variants, Curves, GridMaps]:
        return read(capture, one_each((yield from said), capture))

    return explain


def one_each(maps: object, capture: Capture) -> GridMaps:
    """What an explainer returned, if it is a map a trial.

    Raises:
        PluginError: it is not; says what it is.
    """
    count = len(capture.batch.ids)
    if not isinstance(maps, Tensor) or maps.ndim != 3 or len(maps) != count:
        shape = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise PluginError(f"the explainer under it returned {shape}; expected ({count}, h, w)")
    return maps
