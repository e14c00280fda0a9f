"""Conventions state what the number of a metric means, one choice after another. No torch in here."""

from collections.abc import Mapping
from types import MappingProxyType

Convention = Mapping[str, str]


def with_choices(convention: Convention, **choices: str) -> Convention:
    """Return a convention with further choices, or with other meanings of some of its choices."""
    return MappingProxyType({**convention, **choices})
