"""The whole manifest, in sections that a reader can open one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xaibench.results.results import Results

SECTIONS = (
    ("How it was run", ("command", "run", "started", "finished", "complete", "schema_version", "seed")),
    ("Settings", ("config",)),
    ("Models: weights, target layers, preprocessing", ("models",)),
    ("Data: images and their hashes", ("data",)),
    ("Explainers: versions and settings", ("explainers", "controls")),
    ("Metrics: versions and conventions", ("metrics",)),
    ("Device", ("device",)),
    ("Time and forwards", ("seconds", "forwards", "backwards", "statuses")),
    ("Shards", ("shards",)),
    ("Plugins", ("plugins",)),
    ("Python and packages", ("python", "packages")),
)
OTHERS = "Further facts"


@dataclass(frozen=True)
class Section:
    """A heading and the facts under it, as plain data."""

    title: str
    facts: Mapping[str, Any]


def provenance(results: Results) -> list[Section]:
    """Return all fields of the manifest in order; fields without a section come last."""
    rest = dict(results.manifest)
    sections = []
    for title, names in SECTIONS:
        facts = {name: rest.pop(name) for name in names if name in rest}
        if facts:
            sections.append(Section(title, facts))
    return [*sections, Section(OTHERS, rest)] if rest else sections


def is_table(value: Any) -> bool:
    """Return whether a value is a list of records, each flat enough for one line."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def columns_of(records: list[Mapping[str, Any]]) -> list[str]:
    """Return every field of some records, in order of appearance."""
    return list(dict.fromkeys(name for record in records for name in record))
