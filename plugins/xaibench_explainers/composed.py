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
        answer = explainer(capture)
        if isinstance(answer, Generator):
            return asking(answer, capture)
        return read(capture, one_each(answer, capture))

    def asking(answer: Asks[GridMaps], capture: Capture) -> Generator[Variants, Curves, GridMaps]:
        return read(capture, one_each((yield from answer), capture))

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
