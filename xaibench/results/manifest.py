"""The manifest of a finished run: what was run, on what, and what it cost."""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec

from xaibench.api.errors import DataError


class NamedMethod(msgspec.Struct):
    """An explainer or a metric, by its name."""

    name: str


class ManifestBlock(msgspec.Struct):
    """A model and a data set as rows name them, and which of its images were chosen."""

    model: str
    dataset: str
    chosen: str


class ManifestFields(msgspec.Struct):
    """The fields that are reckoned with, and their types; all others are only shown."""

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
    """All that a manifest says; nothing where there is no such file.

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
    """What of a manifest that was read is reckoned with."""
    return msgspec.convert(facts, ManifestFields)
