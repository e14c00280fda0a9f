"""The manifest of a finished run: settings, models, data and costs."""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec

from xaibench.api.errors import DataError


class NamedMethod(msgspec.Struct):
    """The name of an explainer or a metric."""

    name: str


class ManifestBlock(msgspec.Struct):
    """A model and a data set as rows name them, and the choice of its images."""

    model: str
    dataset: str
    chosen: str


class ManifestFields(msgspec.Struct):
    """The fields of a manifest that the code computes with, and their types; others are only shown."""

    run: str = ""
    complete: bool = False
    part: Annotated[str, msgspec.Meta(pattern=r"^[1-9]\d{0,5}/[1-9]\d{0,5}$")] = "1/1"
    config: dict[str, Any] = {}
    blocks: list[ManifestBlock] = []
    started: str = ""
    finished: str = ""
    statuses: dict[str, int] = {}
    models: dict[str, Any] = {}
    data: dict[str, Any] = {}
    explainers: list[NamedMethod] = []
    metrics: list[NamedMethod] = []
    controls: list[str] = []
    seconds: dict[str, float] = {}
    forwards: dict[str, int] = {}
    backwards: int = 0
    shards: dict[str, str] = {}


def read_manifest(path: Path) -> dict[str, Any]:
    """Return all fields of a manifest; an empty table if there is no such file.

    Raises:
        DataError: it is no JSON, no table, no Unicode, or a field has another type than a run writes.
    """
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(facts, ensure_ascii=False).encode()  # JSON can name half a character: "\\ud800"
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}; run the same command again") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path} is no table; run the same command again")
    try:
        typed_fields(facts)
    except msgspec.ValidationError as error:
        raise DataError(f"{path} is damaged: {error}; run the same command again") from error
    return facts


def typed_fields(facts: dict[str, Any]) -> ManifestFields:
    """Return the fields of a manifest that the code computes with."""
    return msgspec.convert(facts, ManifestFields)
