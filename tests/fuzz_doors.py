"""A coverage-guided fuzzer at one door: python tests/fuzz_doors.py DOOR RUNS [SECONDS].

Atheris counts which lines of the readers each input reaches, and keeps those that reach new ones. It
ends with a code other than 0 where a door lets anything through but our errors, or hangs.
"""

import sys
from importlib import import_module

import atheris

READERS = (
    *("xaibench_datasets.coco", "xaibench_datasets.coco_masks", "xaibench_datasets.files"),
    *("xaibench_datasets.folder", "xaibench_datasets.imagenet", "xaibench_datasets.voc"),
    *("xaibench_datasets.mnist", "xaibench_datasets.cifar"),
    *("xaibench.engine.config", "xaibench.engine.subset", "xaibench.engine.map_store"),
    *("xaibench.results.rows", "xaibench.results.kept", "xaibench.results.validation"),
)


def main() -> None:
    """Push at a door."""
    name, runs, seconds = sys.argv[1], sys.argv[2], (sys.argv[3:] or ["60"])[0]
    with atheris.instrument_imports(include=list(READERS)):
        for reader in READERS:
            import_module(reader)
        doors = import_module("doors")
    (door,) = (door for door in doors.DOORS if door.name == name)
    genuine = door.genuine()

    def mutated(content: bytes, most: int, seed: int) -> bytes:
        found: bytes = atheris.Mutate(content or genuine, most)
        return found

    limits = [f"-atheris_runs={runs}", f"-max_total_time={seconds}", "-timeout=20", "-max_len=20000"]
    atheris.Setup(
        [sys.argv[0], *limits, "-seed=1"],
        lambda content: door.push(content) and None,
        custom_mutator=mutated,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
