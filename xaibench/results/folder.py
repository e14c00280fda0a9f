"""The files of one run: scores in shards, kept maps, settings, and the manifest, written last."""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from xaibench.api.errors import ConfigError, DataError
from xaibench.results.atomic_write import write_bytes, write_text
from xaibench.results.kept import GalleryImage, shown_beside
from xaibench.results.rows import COSTS, NAMED, Row, read_table, write_rows, write_table

LONGEST = 80  # letters of a name in a file's name
WHAT_ROWS_ARE = ("cell", "explainer", "metric", "image", "inputs_sha", "status")


class PresentImage(NamedTuple):
    """An image that a block already has rows of.

    Args:
        inputs_sha, image_sha: the hashes in its rows.
        cells: content keys of the cells that have rows of the image and did not fail.
    """

    inputs_sha: str = ""
    cells: frozenset[str] = frozenset()
    image_sha: str = ""


NOTHING_PRESENT = PresentImage()
PresentImages = dict[str, PresentImage]  # by image


@dataclass(frozen=True)
class RunFolder:
    """A results folder, `results/<run>/`. Shards are written atomically, and rows computed only once."""

    path: Path

    @classmethod
    def open(
        cls,
        path: Path,
        config: str,
        overwrite: bool = False,
        refuse: Callable[[Path], None] | None = None,
    ) -> "RunFolder":
        """Create the folder, or reopen it if it holds a run that these settings may continue.

        Args:
            path: of the folder.
            config: the settings, as TOML.
            overwrite: forget what another run, or this one, left there.
            refuse: is given the file of the settings that the folder's run had, and raises where
                these may not follow them.

        Raises:
            ConfigError: it cannot be written to, or `refuse` refused.
        """
        folder = cls(path)
        try:
            if overwrite:
                folder.clear()
            folder.scores.mkdir(parents=True, exist_ok=True)
            folder.maps.mkdir(exist_ok=True)
            settings = path / "config.toml"
            if settings.exists() and refuse is not None:
                refuse(settings)
            folder.manifest.unlink(missing_ok=True)  # it is the sign of a finished run
            write_text(settings, config)
        except OSError as error:
            raise ConfigError(
                f"output folder {path} cannot be written to: {error.strerror or error}; "
                "choose another with --output"
            ) from error
        return folder

    @classmethod
    @contextmanager
    def alone(cls, path: Path) -> Iterator[None]:
        """Lock the folder against other writers; the system releases the lock if the process dies.

        Raises:
            ConfigError: another run does, or the folder cannot be written to.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            raise ConfigError(
                f"another run is writing into {path}; wait for it, or choose another --output"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"output folder {path} cannot be written to: {error.strerror or error}; "
                "choose another with --output"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def scores(self) -> Path:
        """The folder of the shards."""
        return self.path / "scores"

    @property
    def maps(self) -> Path:
        """The folder of the maps kept for the gallery."""
        return self.path / "maps"

    @property
    def native(self) -> Path:
        """The folder of all maps at their own resolution, if they are kept."""
        return self.maps / "native"

    @property
    def manifest(self) -> Path:
        """The file of the manifest, which exists once the run is finished."""
        return self.path / "manifest.json"

    def clear(self) -> None:
        """Remove the files that a run writes, and no other file of the folder."""
        for part in (self.scores, self.maps):
            if part.exists():
                shutil.rmtree(part)
        for name in ("manifest.json", "config.toml", "gallery.png", "report.html"):
            (self.path / name).unlink(missing_ok=True)
        for subset in self.path.glob("subset-*.json"):
            subset.unlink()

    def shards(self, block: str) -> list[Path]:
        """Return the shards of a block."""
        return sorted(self.scores.glob(f"{slug(block)}.*.parquet"))

    def write(self, block: str, key: str, rows: Sequence[Row]) -> None:
        """Write one shard of a block atomically.

        Raises:
            ConfigError: there is no room, or no right to write.
        """
        path = self.scores / f"{slug(block)}.{key}.parquet"
        with self._writing(path):
            write_rows(path, rows)

    def prune(self, block: str, stale: Callable[[pd.DataFrame], "pd.Series[bool]"]) -> int:
        """Remove rows of a block, and return how many were removed.

        Each file is written anew whole, or removed.

        Args:
            block: its name.
            stale: which rows of a frame with the columns `WHAT_ROWS_ARE`.
        """
        removed = 0
        for path in self.shards(block):
            away = stale(read_table(path, WHAT_ROWS_ARE).to_pandas()).to_numpy(dtype=bool)
            removed += int(away.sum())
            if away.all():
                path.unlink()
            elif away.any():
                with self._writing(path):
                    write_table(path, read_table(path).filter(pa.array(~away)))
        return removed

    def put_aside(self, block: str) -> list[DataError]:
        """Rename a block's unreadable files, whose rows are then computed again. Return the errors."""
        errors = []
        for path in self.shards(block):
            try:
                read_table(path, (*NAMED, *COSTS))
            except DataError as error:
                path.replace(path.with_name(f"{path.name}.unreadable"))
                errors.append(error)
        return errors

    def present(self, block: str) -> PresentImages:
        """Return the cells that a block has of each image, without failed ones, which are tried again.

        A cell has failed for an image if it has for one of its classes. A file that cannot be read has
        none: a run puts it aside and says so.
        """
        shas: dict[str, tuple[str, str]] = {}
        cells: defaultdict[str, set[str]] = defaultdict(set)
        failed: set[tuple[str, str]] = set()
        columns = ("image", "inputs_sha", "image_sha", "cell", "status")
        for path in self.shards(block):
            try:
                table = read_table(path, columns).select(columns).to_pydict()
            except DataError:
                continue
            for image, inputs, sha, cell, status in zip(*table.values(), strict=True):
                if status == "failed":
                    failed.add((image, cell))
                else:
                    shas.setdefault(image, (inputs, sha))
                    cells[image].add(cell)
        for image, cell in failed:
            cells[image].discard(cell)
        shared: dict[frozenset[str], frozenset[str]] = {}  # most images have the same cells
        images: PresentImages = {}
        for image, (inputs, sha) in shas.items():
            of_image = frozenset(cells[image])
            images[image] = PresentImage(inputs, shared.setdefault(of_image, of_image), sha)
        return images

    def modes(self, block: str) -> set[str]:
        """Return the modes of a block's rows; failed rows are tried again in any mode."""
        modes = set[str]()
        for path in self.shards(block):
            rows = read_table(path, ("image", "mode", "status")).to_pandas()
            modes |= set(rows.loc[(rows["image"] != "") & (rows["status"] != "failed"), "mode"])
        return modes

    def write_maps(self, shown: Mapping[str, GalleryImage], maps: Mapping[str, bytes]) -> None:
        """Write maps for the gallery, and maps at their own resolution, by file name.

        Raises:
            ConfigError: there is no room, or no right to write.
        """
        for name, one in shown.items():
            self.write_file(self.maps / name, shown_beside(self.maps / name, one))
        for name, content in maps.items():
            self.write_file(self.native / name, content)

    def write_file(self, path: Path, content: bytes) -> None:
        """Write a file of the folder, whole or not at all.

        Raises:
            ConfigError: there is no room, or no right to write.
        """
        with self._writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)

    def write_subset(self, data: str, text: str) -> None:
        """Write the list of the images of a data set that were run."""
        path = self.path / f"subset-{slug(data)}.json"
        with self._writing(path):
            write_text(path, text)

    def finish(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write the manifest with the hash of every shard, and return it as a reader gets it.

        Raises:
            ConfigError: there is no room, or no right to write.
        """
        hashes = {path.name: sha_of(path) for path in sorted(self.scores.glob("*.parquet"))}
        text = json.dumps({**facts, "shards": hashes}, indent=2, ensure_ascii=False, default=str)
        with self._writing(self.manifest):
            write_text(self.manifest, text)
        manifest: dict[str, Any] = json.loads(text)
        return manifest

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror or error}; what is finished is kept: make "
                "room, and the same command goes on"
            ) from error


def sha_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        digest = sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def slug(name: str) -> str:
    """Return a file name for any name; characters that could leave the folder become underscores.

    Names that would then be the same stay apart by a few digits of their hash; long ones are cut, as
    a file's name has 255 bytes at most, and two of these and a key make one.
    """
    plain = re.sub(r"[^A-Za-z0-9+_-]+", "_", name)
    if plain == name and len(name) <= LONGEST:
        return name
    return f"{plain[:LONGEST]}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:6]}"
