"""Which explanation method should I trust for this model, on this data, and how sure are we?

    maps = xaibench.explain(model, images, explainer="grad-cam")
    scores = xaibench.score(maps, images, model, metric="deletion")
    results = xaibench.run(models=["scenes-cnn"], data=["scenes"], limit=8)

Importing it opens no torch; the first of these calls does.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaibench.engine.run.settings import run
    from xaibench.engine.tools.single import explain, score
    from xaibench.results.results import Results

__version__ = version("xaibench")
__all__ = ["Results", "explain", "run", "score"]

_HOMES = {
    "Results": "xaibench.results.results",
    "explain": "xaibench.engine.tools.single",
    "run": "xaibench.engine.run.settings",
    "score": "xaibench.engine.tools.single",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xaibench' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Name what the package offers; nothing is loaded for that."""
    return sorted([*__all__, "__version__"])
