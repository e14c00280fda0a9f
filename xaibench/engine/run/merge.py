"""Runs of parts of one grid, made by many machines, put together as if one had made them."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from xaibench.api.errors import ConfigError, DataError
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import ANYWHERE, Config, Grid, make_config, read_config
from xaibench.engine.plan.selection import merged, read_subset, written
from xaibench.engine.run.finish import close
from xaibench.engine.work.observer import Observer
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results

ADDED = ("config", "started", "finished", "seconds", "forwards", "backwards", "models", "data")


def merge(paths: Sequence[Path], output: Path, overwrite: bool = False) -> Results:
    """One results folder out of several: their shards, maps and manifests.

    Args:
        paths: folders of finished runs with the same settings, but for their parts or their grids.
        output: the folder to make.
        overwrite: forget what it holds.

    Raises:
        ConfigError: fewer than two folders, other settings, a part is missing, a folder that is there,
            or no room.
        DataError: a folder is not of a finished run, or two hold the same rows.
    """
    if len(paths) < 2:
        raise ConfigError("merge takes two results folders at least")
    manifests = [finished(path) for path in paths]
    config = common([make_config(read_config(path / "config.toml"), str(path)) for path in paths], paths)
    refuse_missing_parts(manifests, paths)
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise ConfigError(f"{output} is not empty; choose another --output, or --overwrite it")
    with RunFolder.alone(output):
        folder = RunFolder.open(output, config.toml(), overwrite)
        for path in paths:
            part = RunFolder(path)
            copy(part.scores, folder, folder.scores, "*.parquet")
            copy(part.maps, folder, folder.maps, "*.safetensors")
            copy(part.native, folder, folder.native, "*.safetensors")
        merge_subsets([RunFolder(path) for path in paths], folder)
        results = Results.load(output)  # refuses doubled rows
        facts = together(manifests, results, config)
        return close(folder, facts, Observer(), installed().report_sections.values())


def finished(path: Path) -> dict[str, Any]:
    """The manifest of a finished run.

    Raises:
        DataError: there is none, or it lacks what is put together.
    """
    manifest = Results.load(path).manifest
    if not manifest.get("complete"):
        raise DataError(f"{path} holds a run that is not finished: the same command goes on with it")
    if lacking := [name for name in ADDED if name not in manifest]:
        raise DataError(
            f"{path / 'manifest.json'} lacks {', '.join(lacking)}; run the same command again"
        )
    return manifest


def common(configs: Sequence[Config], paths: Sequence[Path]) -> Config:
    """The settings of all: the same but for what no row depends on, the grids one after another.

    Raises:
        ConfigError: they differ in anything else.
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
    """All parts of what was cut into parts are there, each once.

    Raises:
        ConfigError: one is missing, or there twice.
    """
    parts: dict[str, list[str]] = {}
    for manifest in manifests:
        parts.setdefault(json.dumps(manifest["config"].get("grid")), []).append(
            manifest.get("part", "1/1")
        )
    for found in parts.values():
        count = int(found[0].partition("/")[2])
        wanted = Counter(f"{number + 1}/{count}" for number in range(count))
        if Counter(found) != wanted:
            missing = ", ".join(sorted(wanted - Counter(found))) or "none"
            more = ", ".join(sorted(Counter(found) - wanted)) or "none"
            raise ConfigError(
                f"of the parts, missing: {missing}; there too often: {more}; found {', '.join(found)} "
                f"in {', '.join(map(str, paths))}"
            )


def copy(source: Path, folder: RunFolder, target: Path, pattern: str) -> None:
    """Copy files into a place of `folder`, each under its own name.

    Raises:
        ConfigError: there is no room, or no right to write.
    """
    for file in sorted(source.glob(pattern)):
        folder.write_file(target / file.name, file.read_bytes())


def merge_subsets(parts: Sequence[RunFolder], folder: RunFolder) -> None:
    """The lists of the images that were run, put together."""
    subsets: dict[str, Any] = {}
    for part in parts:
        for file in sorted(part.path.glob("subset-*.json")):
            found = read_subset(file)
            subsets[found.data] = merged(subsets.get(found.data, found), found)
    for data, subset in subsets.items():
        folder.write_subset(data, written(subset))


def together(manifests: Sequence[dict[str, Any]], results: Results, config: Config) -> dict[str, Any]:
    """A manifest for all: what adds up is added, what is of one machine is kept beside."""
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
