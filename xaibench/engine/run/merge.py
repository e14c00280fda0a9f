"""Merge the parts of one run, computed on several machines, into one results folder."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from xaibench.api.errors import ConfigError, DataError
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import ANYWHERE, Config, Grid, stored_config
from xaibench.engine.plan.selection import merged, read_subset, written
from xaibench.engine.run.finish import finish_run
from xaibench.engine.work.observer import Observer
from xaibench.results.folder import RunFolder
from xaibench.results.manifest import read_manifest
from xaibench.results.results import Results
from xaibench.results.rows import read_rows, score_files

ADDED = ("config", "started", "finished", "seconds", "forwards", "backwards", "models", "data")


def merge(paths: Sequence[Path], output: Path, overwrite: bool = False) -> Results:
    """Write one results folder from the shards, maps and manifests of several. Each shard is read once.

    Args:
        paths: folders of finished runs with the same settings, except for their parts or their grids.
        output: the folder to write.
        overwrite: whether to remove a run that the folder holds.

    Returns:
        The merged results.

    Raises:
        ConfigError: there are fewer than two folders, their settings differ, a part is missing, the
            output folder is not empty, or there is no room.
        DataError: a folder is not of a finished run, or two hold the same rows.
    """
    if len(paths) < 2:
        raise ConfigError("merge takes two results folders at least")
    manifests = [finished(path) for path in paths]
    config = common([stored_config(path / "config.toml") for path in paths], paths)
    refuse_missing_parts(manifests, paths)
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise ConfigError(f"{output} is not empty; choose another --output, or --overwrite it")
    shards = {file.name: file for path in paths for file in score_files(path)}
    results = Results(output, read_rows(list(shards.values())))  # refuses doubled rows
    with RunFolder.alone(output):
        folder = RunFolder.open(output, config.toml(), overwrite)
        for path in paths:
            part = RunFolder(path)
            copy(part.scores, folder, folder.scores, "*.parquet")
            copy(part.maps, folder, folder.maps, "*.safetensors")
            copy(part.native, folder, folder.native, "*.safetensors")
        merge_subsets([RunFolder(path) for path in paths], folder)
        facts = together(manifests, results, config)
        sections = installed().report_sections.values()
        return finish_run(folder, results, facts, Observer(), sections)


def finished(path: Path) -> dict[str, Any]:
    """Return the manifest of a finished run.

    Raises:
        DataError: the folder has no rows, or no manifest with the fields that are merged.
    """
    score_files(path)
    manifest = read_manifest(path / "manifest.json")
    if not manifest.get("complete"):
        raise DataError(f"{path} holds a run that is not finished: the same command goes on with it")
    if lacking := [name for name in ADDED if name not in manifest]:
        raise DataError(
            f"{path / 'manifest.json'} lacks {', '.join(lacking)}; run the same command again"
        )
    return manifest


def common(configs: Sequence[Config], paths: Sequence[Path]) -> Config:
    """Return the settings of all folders, with their grids joined.

    Raises:
        ConfigError: they differ in more than their grids and what no row depends on.
    """
    first = configs[0]
    for config, path in zip(configs[1:], paths[1:], strict=True):
        for name in Config.__struct_fields__:
            if name in (*ANYWHERE, "grid"):
                continue
            ours, theirs = getattr(first, name), getattr(config, name)
            if ours != theirs:
                raise ConfigError(f"{path} has {name} {theirs}, and {paths[0]} {ours}: not one run")
    grids: tuple[Grid, ...] = tuple(dict.fromkeys(grid for config in configs for grid in config.grid))
    return msgspec.structs.replace(first, grid=grids)


def refuse_missing_parts(manifests: Sequence[dict[str, Any]], paths: Sequence[Path]) -> None:
    """Refuse folders that lack a part of the run, or have one twice.

    Raises:
        ConfigError: a part is missing, or given twice.
    """
    parts: dict[str, list[str]] = {}
    for manifest in manifests:
        parts.setdefault(json.dumps(manifest["config"].get("grid")), []).append(
            manifest.get("part", "1/1")
        )
    for part_names in parts.values():
        count = int(part_names[0].partition("/")[2])
        wanted = Counter(f"{number + 1}/{count}" for number in range(count))
        if Counter(part_names) != wanted:
            missing = ", ".join(sorted(wanted - Counter(part_names))) or "none"
            more = ", ".join(sorted(Counter(part_names) - wanted)) or "none"
            raise ConfigError(
                f"of the parts, missing: {missing}; there too often: {more}; found "
                f"{', '.join(part_names)} in {', '.join(map(str, paths))}"
            )


def copy(source: Path, folder: RunFolder, target: Path, pattern: str) -> None:
    """Copy files of a pattern into a place of `folder`, each under its own name.

    Raises:
        ConfigError: there is no room, or no right to write.
    """
    for file in sorted(source.glob(pattern)):
        folder.write_file(target / file.name, file.read_bytes())


def merge_subsets(parts: Sequence[RunFolder], folder: RunFolder) -> None:
    """Write the union of the lists of images that were run."""
    subsets: dict[str, Any] = {}
    for part in parts:
        for file in sorted(part.path.glob("subset-*.json")):
            subset = read_subset(file)
            subsets[subset.data] = merged(subsets.get(subset.data, subset), subset)
    for data, subset in subsets.items():
        folder.write_subset(data, written(subset))


def together(manifests: Sequence[dict[str, Any]], results: Results, config: Config) -> dict[str, Any]:
    """Return one manifest for all: costs are added up, facts of one machine are listed in `merged`."""
    own = ("command", "part", "run", "started", "finished", "device", "seconds", "packages", "python")
    seconds: Counter[str] = Counter()
    forwards: Counter[str] = Counter()
    models: dict[str, Any] = {}
    data: dict[str, Any] = {}
    blocks: list[Any] = []
    for manifest in manifests:
        seconds.update(manifest["seconds"])
        forwards.update(manifest["forwards"])
        models |= manifest["models"]
        data |= manifest["data"]
        blocks += [block for block in manifest.get("blocks", []) if block not in blocks]
    return {
        **manifests[0],
        "run": results.path.name,
        "config": config.facts(),
        "part": "1/1",
        "started": min(manifest["started"] for manifest in manifests),
        "finished": max(manifest["finished"] for manifest in manifests),
        "statuses": results.scores["status"].value_counts().to_dict(),
        "seconds": dict(seconds),
        "forwards": dict(forwards),
        "backwards": sum(manifest["backwards"] for manifest in manifests),
        "models": models,
        "data": data,
        "blocks": blocks,
        "merged": [{name: manifest.get(name) for name in own} for manifest in manifests],
    }
