"""Content keys: equal for equal meaning, on every machine and at any time."""

import json
from hashlib import sha256
from typing import Any

from xaibench.api.specs import Spec
from xaibench.results.rows import SCHEMA_VERSION


def identity(spec: Spec) -> dict[str, Any]:
    """Return what a row's meaning depends on: a method's name, version and settings, not its path."""
    version = getattr(spec, "version", 0)
    return {"name": spec.name, "version": version, "settings": dict(spec.settings)}


def content_key(*parts: object) -> str:
    """Return 16 hexadecimal digits that depend on `parts` alone, never on a path, a time or a batch."""
    serialised = json.dumps([SCHEMA_VERSION, *parts], sort_keys=True)
    return sha256(serialised.encode()).hexdigest()[:16]
