"""A coverage-guided fuzzer at one door: python tests/fuzz_doors.py DOOR RUNS [SECONDS].

Atheris counts which lines of the readers each input reaches, and keeps those that reach new ones; it
begins with a genuine file. It ends with a code other than 0 where a door lets anything through but our
errors, or hangs.
"""

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

READERS = (
    *("xaibench_datasets.coco", "xaibench_datasets.coco_masks", "xaibench_datasets.files"),
    *("xaibench_datasets.folder", "xaibench_datasets.imagenet", "xaibench_datasets.voc"),
    *("xaibench_datasets.mnist", "xaibench_datasets.cifar", "xaibench_datasets.ade20k"),
    *("xaibench.engine.plan.config", "xaibench.engine.plan.selection", "xaibench.engine.work.map_store"),
    *("xaibench.results.rows", "xaibench.results.kept", "xaibench.results.validation"),
    *("xaibench.results.manifest", "xaibench.engine.run.merge", "xaibench.train.checkpoint"),
    *("xaibench.engine.run.score_kept", "xaibench.results.statistics.compare"),
)


def main() -> None:
    """Push at a door."""
    name, runs, seconds = sys.argv[1], sys.argv[2], (sys.argv[3:] or ["60"])[0]
    with atheris.instrument_imports(include=list(READERS)):
        for reader in READERS:
            import_module(reader)
        doors = import_module("doors")
    (door,) = (door for door in doors.DOORS if door.name == name)

    def push(content: bytes) -> None:
        door.push(content)

    limits = [f"-runs={runs}", f"-max_total_time={seconds}", "-timeout=20", "-max_len=20000", "-seed=1"]
    with TemporaryDirectory() as place:
        corpus, found = Path(place, "corpus"), Path(place, "found")
        for folder in (corpus, found):
            folder.mkdir()
        (corpus / "genuine").write_bytes(door.genuine())
        atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={found}/", str(corpus)], push)
        atheris.Fuzz()  # it ends the process


if __name__ == "__main__":
    main()
