"""All maps of a block at their own resolution, kept on disk: later metrics need no explainer."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save

from xaibench.api.batch import Batch
from xaibench.api.errors import DataError
from xaibench.api.maps import rescale
from xaibench.engine.evaluate.outcome import Explained, Outcome
from xaibench.results.folder import slug
from xaibench.results.kept import native_facts
from xaibench.results.keys import content_key

Entry = tuple[str, str, int, str]  # map's key, image, target, inputs_sha
PRECISION = "float16"


@dataclass(frozen=True)
class MapLocation:
    """Where a map is: a row of a tensor of a file, and what its explainer said of it."""

    file: Path
    tensor: str
    row: int
    facts: Mapping[str, Any]


@dataclass
class MapStore:
    """The maps of one block that are on disk.

    They are rescaled to [0, 1], which no score sees, and rounded to float16, which scores do see in the
    fourth digit: rows that are made from them say so.

    Args:
        folder: of all blocks.
        block: the name of the block.
    """

    folder: Path
    block: str
    places: dict[Entry, MapLocation] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, block: str) -> "MapStore":
        """What a block has.

        Raises:
            DataError: a file is not what was written here; see `put_aside`.
        """
        store = cls(folder, block)
        for path in files_in(folder, block):
            store._index(path, native_facts(path))
        return store

    def files(
        self,
        explained: Mapping[str, Explained],
        keys: Mapping[str, str],
        batch: Batch,
        inputs: Sequence[str],
    ) -> dict[str, bytes]:
        """The maps of some trials as files to be written, by name.

        Args:
            explained: by explainer; those that came from here are not written again.
            keys: of each explainer's maps: what they depend on but for the image.
            batch: the trials.
            inputs: the inputs_sha of each trial's image.
        """
        maps = {
            name: explanation
            for name, explanation in explained.items()
            if explanation.precision != PRECISION
            and isinstance(explanation.outcome.values, torch.Tensor)
        }
        if not maps:
            return {}
        trials = list(zip(batch.ids, batch.targets.tolist(), inputs, strict=True))
        facts = {
            "trials": trials,
            "explainers": {
                name: facts_of_outcome(explanation.outcome) | {"key": keys[name]}
                for name, explanation in maps.items()
            },
        }
        tensors = {
            name: rescale(explanation.outcome.values.float().nan_to_num(0, 0, 0))
            .half()
            .contiguous()
            .cpu()
            for name, explanation in maps.items()
            if explanation.outcome.values is not None
        }
        key = content_key(trials, sorted(keys[name] for name in maps))
        return {
            f"{slug(self.block)}.{key}.safetensors": save(tensors, metadata={"maps": json.dumps(facts)})
        }

    def files_of(self, images: Set[str]) -> dict[str, bytes]:
        """The files that are there with maps of some images, by name."""
        paths = {place.file for (_, image, _, _), place in self.places.items() if image in images}
        return {path.name: path.read_bytes() for path in sorted(paths)}

    def find(self, key: str, batch: Batch, inputs: Sequence[str]) -> Outcome | None:
        """An explainer's maps of some trials, as if it had just made them; None unless all are here.

        Args:
            key: as in `keep`.
            batch: the trials.
            inputs: the inputs_sha of each trial's image.
        """
        wanted = zip(batch.ids, batch.targets.tolist(), inputs, strict=True)
        places = [self.places.get((key, *trial)) for trial in wanted]
        locations = [place for place in places if place is not None]
        if len(locations) < len(places) or not locations:
            return None
        outcome = Outcome(list(range(len(locations))))
        maps = []
        for i, place in enumerate(locations):
            with safe_open(place.file, framework="pt") as file:
                maps.append(file.get_slice(place.tensor)[place.row])
            for name in ("ms", "forwards", "backwards"):
                setattr(outcome, name, getattr(outcome, name) + place.facts[name] / len(locations))
            row = str(place.row)
            if row in place.facts["odd"]:
                status, reason = place.facts["odd"][row]
                outcome.odd[i] = (status, reason)
            if row in place.facts["remarks"]:
                outcome.remarks[i] = place.facts["remarks"][row]
        outcome.values = torch.stack(maps).to(batch.images)
        return outcome

    def _index(self, path: Path, facts: Mapping[str, Any]) -> None:
        for name, of_explainer in facts["explainers"].items():
            for row, (image, target, inputs) in enumerate(facts["trials"]):
                entry = (of_explainer["key"], image, target, inputs)
                self.places[entry] = MapLocation(path, name, row, of_explainer)


def put_aside(folder: Path, block: str) -> list[DataError]:
    """Rename a block's files that cannot be read, so that what they held can be made again; why."""
    errors = []
    for path in files_in(folder, block):
        try:
            native_facts(path)
        except DataError as error:
            path.replace(path.with_name(f"{path.name}.unreadable"))
            errors.append(error)
    return errors


def files_in(folder: Path, block: str) -> list[Path]:
    """The files of a block."""
    return sorted(folder.glob(f"{slug(block)}.*.safetensors"))


def facts_of_outcome(outcome: Outcome) -> dict[str, Any]:
    """What an explainer's rows say besides the scores."""
    return {
        "odd": outcome.odd,
        "remarks": outcome.remarks,
        "ms": outcome.ms,
        "forwards": outcome.forwards,
        "backwards": outcome.backwards,
    }
