"""Validation of a results folder: files, hashes, schema, unique keys, completeness."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from xaibench.api.errors import DataError
from xaibench.results.completeness import incomplete, missing_rows, unlisted
from xaibench.results.folder import RunFolder, sha_of
from xaibench.results.kept import load_kept, native_facts
from xaibench.results.manifest import read_manifest
from xaibench.results.rows import KEY, SCHEMA_VERSION, SHARED_PASS, STATUSES, read_table

SCORED = ["model", "dataset", "explainer", "metric"]


@dataclass(frozen=True)
class FolderCheck:
    """The extent of a checked folder, and its faults.

    Args:
        files, rows, cells: the numbers of each.
        wrong: one sentence per fault, with its remedy if there is one.
    """

    files: int = 0
    rows: int = 0
    cells: int = 0
    wrong: list[str] = field(default_factory=list)


def validate(path: Path) -> FolderCheck:
    """Check everything in a results folder without changing it.

    Raises:
        DataError: the path is not a results folder.
    """
    folder = RunFolder(path)
    if not folder.scores.is_dir():
        raise DataError(f"{path} is no results folder: there is no {folder.scores}")
    wrong: list[str] = []
    if not folder.manifest.exists():
        wrong.append("there is no manifest.json: the run is not finished; the same command goes on")
    manifest: dict[str, Any] = {}
    try:
        manifest = read_manifest(folder.manifest)
    except DataError as error:
        wrong.append(str(error))
    frames = []
    files = sorted(folder.scores.glob("*.parquet"))
    for file in files:
        try:
            frames.append(read_table(file).to_pandas().assign(file=file.name))
        except DataError as error:
            wrong.append(str(error))
    aside = [file for place in (folder.scores, folder.native) for file in place.glob("*.unreadable")]
    wrong += [f"{file} was put aside: it cannot be read" for file in aside]
    wrong += hashes(folder, manifest)
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if rows.empty:
        wrong.append(f"{folder.scores} has no rows; run the same command again")
        return FolderCheck(len(files), 0, 0, wrong)
    wrong += unlike(rows)
    scored = rows[rows["explainer"] != SHARED_PASS]
    wrong += incomplete(scored)
    wrong += unlisted(folder, scored)
    wrong += missing_rows(folder, scored, manifest)
    wrong += unreadable(folder.maps, load_kept)
    wrong += unreadable(folder.native, native_facts)
    return FolderCheck(len(files), len(rows), scored["cell"].nunique(), wrong)


def unreadable(place: Path, read: Callable[[Path], object]) -> list[str]:
    """Return a sentence for each file of kept maps that cannot be read."""
    wrong = []
    for file in sorted(place.glob("*.safetensors")):
        try:
            read(file)
        except DataError as error:
            wrong.append(str(error))
    return wrong


def hashes(folder: RunFolder, manifest: dict[str, Any]) -> list[str]:
    """Return a sentence for each shard that differs from the manifest."""
    if "shards" not in manifest:
        return []
    listed = manifest["shards"]
    wrong = []
    for name, sha in listed.items():
        file = folder.scores / Path(name).name
        if not file.exists():
            wrong.append(f"{file} is missing; run the same command again")
        elif sha_of(file) != sha:
            wrong.append(f"{file} is not what was written: its hash is another; delete it and run again")
    extra = {file.name for file in folder.scores.glob("*.parquet")} - set(listed)
    return wrong + [f"{folder.scores / name} is not in the manifest" for name in sorted(extra)]


def unlike(rows: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of row that no run of this version writes."""
    wrong = []
    twice = rows[rows.duplicated(list(KEY), keep=False)]
    if len(twice):
        first = twice.iloc[0]
        files = ", ".join(sorted(set(twice["file"])))
        wrong.append(
            f"{len(twice)} rows stand twice, the first {first[list(KEY)].to_dict()}, in {files}; "
            "delete one of the files and run again"
        )
    other = sorted(set(rows["schema_version"]) - {SCHEMA_VERSION})
    if other:
        wrong.append(f"rows of schema {other}, where this version writes {SCHEMA_VERSION}")
    strange = sorted(set(rows["status"]) - set(STATUSES))
    if strange:
        wrong.append(f"unknown statuses: {', '.join(strange)}")
    silent = rows[(rows["status"] != "ok") & (rows["reason"] == "")]
    if len(silent):
        wrong.append(
            f"{len(silent)} rows are not ok and give no reason, the first in {silent['file'].iloc[0]}"
        )
    scoreless = rows[(rows["status"] == "ok") & (rows["metric"] != "") & rows["score"].isna()]
    if len(scoreless):
        wrong.append(
            f"{len(scoreless)} rows are ok and have no score, the first in {scoreless['file'].iloc[0]}"
        )
    return wrong
