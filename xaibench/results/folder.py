"""The files of one run: scores in shards, kept maps, settings, and the manifest, written last."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaibench.api.errors import ConfigError
from xaibench.results.rows import Row, write_rows


@dataclass(frozen=True)
class RunFolder:
    """`results/<run>/`: a shard is there whole or not at all, and what is there is not done again."""

    path: Path

    @classmethod
    def open(cls, path: Path, config: str, overwrite: bool = False) -> "RunFolder":
        """Make the folder, or go on in it where it holds the same run.

        Args:
            path: of the folder.
            config: the settings, as TOML.
            overwrite: forget what another run, or this one, left there.

        Raises:
            ConfigError: it cannot be written to, or holds a run with other settings.
        """
        folder = cls(path)
        try:
            if overwrite:
                folder.clear()
            folder.scores.mkdir(parents=True, exist_ok=True)
            folder.maps.mkdir(exist_ok=True)
            settings = path / "config.toml"
            if settings.exists() and settings.read_text(encoding="utf-8") != config:
                raise ConfigError(
                    f"{path} holds a run with other settings (its config.toml says which); "
                    "choose another --output, or --overwrite it"
                )
            folder.manifest.unlink(missing_ok=True)  # it is the sign of a finished run
            _write(settings, config)
        except OSError as error:
            raise ConfigError(
                f"output folder {path} cannot be written to: {error.strerror or error}; "
                "choose another with --output"
            ) from error
        return folder

    @property
    def scores(self) -> Path:
        """Where the shards are."""
        return self.path / "scores"

    @property
    def maps(self) -> Path:
        """Where the maps kept for the gallery are."""
        return self.path / "maps"

    @property
    def manifest(self) -> Path:
        """The manifest, there once the run is finished."""
        return self.path / "manifest.json"

    def clear(self) -> None:
        """Remove what a run writes, and nothing else that may lie in the folder."""
        for part in (self.scores, self.maps):
            if part.exists():
                shutil.rmtree(part)
        for name in ("manifest.json", "config.toml", "gallery.png", "report.html"):
            (self.path / name).unlink(missing_ok=True)
        for subset in self.path.glob("subset-*.json"):
            subset.unlink()

    def shard(self, block: str, key: str) -> Path:
        """The file of a block's shard."""
        return self.scores / f"{slug(block)}.{key}.parquet"

    def write(self, shard: Path, rows: Sequence[Row]) -> None:
        """Write a shard, whole or not at all."""
        write_rows(shard, rows)

    def forget_others(self, block: str, keep: Sequence[Path]) -> None:
        """Remove a block's shards that are superseded: other weights, other versions of a method."""
        for path in self.scores.glob(f"{slug(block)}.*.parquet"):
            if path not in keep:
                path.unlink()

    def write_subset(self, data: str, text: str) -> None:
        """Write which images of a data set were run."""
        _write(self.path / f"subset-{slug(data)}.json", text)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest."""
        _write(self.manifest, json.dumps(facts, indent=2, ensure_ascii=False, default=str))


def slug(name: str) -> str:
    """A file name for any name: what could leave the folder becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9+_-]+", "_", name)


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.part")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
