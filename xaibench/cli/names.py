"""Names given on the command line."""

from collections.abc import Sequence


def split(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were repeated, comma-separated, or both."""
    return tuple(name.strip() for part in given or () for name in part.split(",") if name.strip())
